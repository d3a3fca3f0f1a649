// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mj/ir/graph.h"
#include "mj/pass/exit_points.h"

namespace mj {

/// What answers at the exits.
///
/// kHead: one head for all: s_k = s_(k-1) + mean(ReLU(P_k pool(x_k) + d_k)), a_k = ReLU(gamma_k s_k + beta_k),
///   logits_k = V vec(a_k) + b_k + c_k logits_(k-1). pool leaves cells twice as fine as the grid, mean pools these to it. The
///   device keeps s_k and logits_k.
/// kGnet: one branch as in FreeML (EWSN 2024): features of all exits concatenated, zeros for those not reached, 1x1
///   convolution, batch-norm, 2x2 mean, linear layer; all exits share the weights.
/// kFlat: a branch per exit: 2x2 maximum, flattened, linear layer.
/// kPooled: a branch per exit: mean over the image, linear layer.
enum class ExitMethod { kHead, kGnet, kFlat, kPooled };

/// "head", "gnet", "flat" or "pooled"; throws `Error` on other names.
ExitMethod parse_exit_method(std::string_view name);
const char* exit_method_name(ExitMethod method);

struct HeadOptions {
  ExitMethod method = ExitMethod::kHead;
  int width = 16;  ///< channels of s_k, or of gNet's 1x1 convolution
  int grid = 4;    ///< rows and columns the features are pooled to, fewer where an exit has fewer
};

/// The backbone's frozen part of the training: one output, the pooled features of all exits flattened one after the
/// other, then the backbone's logits (before a final softmax).
Graph feature_network(const Graph& backbone, std::span<const ExitPoint> exits, const HeadOptions& options);

/// A head as a network of its own: what is trained, and what the backbone is given afterwards.
struct Head {
  Graph graph;                  ///< input: a feature vector; outputs `exit1`..`exitK`
  std::vector<ValueId> carries; ///< kHead: the constants c_2..c_K, trained too
};

/// Fresh weights, drawn by `seed`.
Head make_head(const Graph& backbone, std::span<const ExitPoint> exits, const HeadOptions& options, std::uint64_t seed);

/// The backbone with the head's operators right behind each exit point, outputs `exit1`..`exitK` and the backbone's own,
/// called `logits`. Batch-norms of the head become a product and a sum; every other constant is the trained one.
Graph attach_head(const Graph& backbone, std::span<const ExitPoint> exits, const HeadOptions& options, const Head& head);

/// Which nodes of a network with exits its last output needs: the backbone. The others are the head.
std::vector<char> backbone_nodes(const Graph& graph);

/// What the head keeps between each exit and the next, per exit: bytes of its values that are made up to there and read
/// later. Of a lowered network with exits.
std::vector<Bytes> exit_state_bytes(const Graph& lowered);

}  // namespace mj
