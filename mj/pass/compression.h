// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mj/ir/graph.h"
#include "mj/pass/allocate.h"
#include "mj/pass/channel_classes.h"
#include "mj/pass/factorise.h"
#include "mj/platform/platform.h"

namespace mj {

/// How one conv2d or linear is stored.
struct LayerPlan {
  std::string node;
  double density = 1;  ///< of every factor
  int block = 1;       ///< 4: zeros in runs of four
  int bits = 8;
  Ranks ranks;         ///< 0: not factorised
  bool per_tensor = false;  ///< one scale for all rows, of the last factor; the others have one anyway
};

/// What becomes of a whole network.
struct CompressionPlan {
  std::vector<char> kept;  ///< per channel class
  std::vector<LayerPlan> layers;
};

/// The network with channels removed and layers factorised; densities and bits are left to training.
Graph apply_structure(const Graph& graph, const ChannelClasses& classes, const CompressionPlan& plan);

/// Nodes whose weights hold a layer: itself, or its factors.
std::vector<std::string> weight_nodes(const LayerPlan& layer, bool conv);

/// How many times the measured divergence exceeds the estimate, at some strengths of a change (densities, shares of a rank,
/// shares of the channels); between them its logarithm is interpolated over that of the strength, beyond them it stays. The
/// second-order estimate knows nothing of a layer that is all but gone: what is measured there does.
class ErrorScale {
 public:
  /// From the strongest change (the smallest share) to the weakest.
  void add(double share, double scale) { points_.emplace_back(share, scale); }
  /// 1 where nothing was measured.
  double at(double share) const;

 private:
  std::vector<std::pair<double, double>> points_;
};

struct ErrorScales {
  std::vector<ErrorScale> sparse, rank;  ///< per layer
  std::vector<double> bits;              ///< per layer
  std::vector<ErrorScale> narrow;        ///< per group
};

/// All options of a network for the allocation: per layer density, blocks, bits and ranks at every pair of channel counts.
///
/// Errors are the Fisher-weighted squared changes of weights, 1/2 sum F (w - w')^2, those of channels half of their Fisher
/// information; bytes come from the encodings themselves, on a sample of rows; energy from the platform's cost lines.
class CompressionOptions {
 public:
  /// `fisher`: per weight constant, one number per element; `importance`: per channel class. `graph` is a trainable form.
  CompressionOptions(const Graph& graph, std::map<ValueId, std::vector<float>> fisher, std::vector<double> importance,
                     const Platform& platform);

  struct Layer {
    std::string node;
    ValueId weight = -1;
    bool conv = false;
    bool fixed = false;   ///< keeps its 8 bits and all elements
    std::string reason;   ///< why it is fixed
    int in = -1, out = -1;  ///< groups
  };
  const std::vector<Layer>& layers() const { return layers_; }
  const ChannelClasses& classes() const { return classes_; }
  std::size_t groups() const { return classes_.groups.size(); }
  int levels(std::size_t group) const { return static_cast<int>(kept_counts_[group].size()); }

  AllocationProblem problem(const ErrorScales& scales) const;
  /// Whether option `option` of a layer stores it as factors.
  bool factorises(std::size_t layer, std::size_t option) const { return choices_[layer][option].rank_share > 0; }
  /// The plan an allocation of that problem stands for.
  CompressionPlan plan_of(const Allocation& allocation) const;
  /// Everything as it is.
  CompressionPlan unchanged() const;
  /// Every group at this share of its channels, all weights dense with these bits.
  CompressionPlan uniform(double width, int bits) const;
  /// Only this group narrowed, to about half.
  CompressionPlan narrowed(std::size_t group, int level) const;

  /// Estimates for the measurements that the scales come from.
  double sparse_error(std::size_t layer, double density) const;
  double bits_error(std::size_t layer, int bits) const;
  double rank_error(std::size_t layer, const Ranks& ranks) const;
  double narrow_error(std::size_t group, int level) const;
  /// Ranks at a share of the full ones; 0 when such factors are not smaller than the layer.
  Ranks ranks_of(std::size_t layer, double share) const;
  /// Share of a group's channels at a level.
  double width_at(std::size_t group, int level) const;

 private:
  struct Choice {
    double density;
    int block, bits;
    double rank_share;  ///< of the full rank; 0: not factorised
    bool per_tensor = false;
  };
  struct RankError {
    double share;
    double error;  ///< of the layer with all channels
  };

  const Graph graph_;
  std::map<ValueId, std::vector<float>> fisher_;
  std::vector<double> importance_;
  const Platform& platform_;
  ChannelClasses classes_;
  std::vector<Layer> layers_;
  std::vector<std::vector<std::int32_t>> ranked_;      ///< per group: classes, the most important first
  std::vector<std::vector<std::int64_t>> kept_counts_;  ///< per group and level
  std::vector<std::vector<Choice>> choices_;            ///< per layer: the same at all levels
  std::vector<std::vector<RankError>> rank_errors_;     ///< per layer
  std::vector<std::map<int, double>> coarser_;          ///< per layer and bits: rounding error of one scale over that of one per row
  double fixed_bytes_ = 0;

  std::vector<char> kept_at(const std::vector<int>& level) const;
  std::vector<char> most_important(const std::vector<std::int64_t>& counts) const;
  std::vector<std::int64_t> kept_indices(ValueId value, const std::vector<char>& kept) const;
  std::vector<LayerOption> options_at(std::size_t layer, const std::vector<char>& kept, const ErrorScales& scales) const;
  Ranks ranks_at(const Shape& weight, double share) const;
  double coarser_with_one_scale(std::size_t layer, int bits) const;
  const Node& node(std::size_t layer) const;
};

}  // namespace mj
