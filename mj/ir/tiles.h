// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "mj/ir/cost.h"
#include "mj/ir/graph.h"

// Which tiles the kernel of a node can be called for, and what each costs, reads and writes. The emitter prints the calls
// that are numbered here, and the unit plan cuts them.
namespace mj {

/// Whether an int8 avg_pool changes the quantisation, which makes it a mean over windows.
bool pool_requantizes(const Type& input, const Type& output);

/// What one kernel call of a node can be cut along; 0 where it cannot be cut.
struct Extent {
  std::int64_t rows = 1;
  std::int64_t columns = 0;
  std::int64_t channels = 0;
  std::int64_t depth = 0;  ///< terms of a dot product

  bool operator==(const Extent&) const = default;
};

/// The kernel calls of node `index`, in order: most nodes have one, a concat one per input, a pad one per box of its border (but
/// see `copies_by_rows`), a reshape whose output lies where its input does none. `delivery_index` is the delivery of the
/// outputs, one call each, and `decision_index` what follows it at the exits of a network that has any: the record of how far
/// the inference came and the decision whether it goes on (at the end, the record alone).
std::vector<Extent> extents(const Graph& lowered, std::int32_t index);

/// Whether a node that is made of several boxes copies them in one call, row by row of its output (`row_boxes`): where units
/// are planned for memory that writes words, which boxes share.
bool copies_by_rows(const Graph& lowered, const Node& node);

inline std::int32_t delivery_index(const Graph& graph) { return static_cast<std::int32_t>(graph.nodes.size()); }
inline std::int32_t decision_index(const Graph& graph) { return delivery_index(graph) + 1; }

/// A call by the index that `extents` takes, and its place there.
struct Call {
  std::int32_t index = 0;
  std::int32_t part = 0;

  bool operator==(const Call&) const = default;
};

/// All calls that units are cut from, in order of execution: the answer at an exit is delivered and decided upon before the
/// nodes of the next; without exits all outputs are delivered at the end.
std::vector<Call> calls_in_order(const Graph& lowered);

/// A part of one call: rows row0..row1-1, and so on; 0..0 where it cannot be cut.
struct Tile {
  std::int64_t row0 = 0, row1 = 0;
  std::int64_t col0 = 0, col1 = 0;
  std::int64_t ch0 = 0, ch1 = 0;
  std::int64_t depth0 = 0, depth1 = 0;
};

/// The tile of a whole call.
Tile whole(const Extent& extent);
/// Tiles that a tiling makes of a call: depth counts fastest, then channels, columns and rows.
std::int64_t tile_count(const Tiling& tiling, const Extent& extent);
Tile tile_of(const Tiling& tiling, const Extent& extent, std::int64_t number);

/// What a tile counts as; kernels are those of `cost`, deliveries are moves.
Cost tile_cost(const Graph& lowered, std::int32_t index, std::int32_t part, const Tile& tile);
/// The same for who has the `cost` of the node at hand (any, for deliveries).
Cost tile_cost(const Graph& lowered, std::int32_t index, std::int32_t part, const Tile& tile, Cost node_cost);

/// Bytes that a tile touches: `run` bytes at begin + i * step[0] + j * step[1] + k * step[2] + l * step[3].
struct Region {
  /// Activations by their value; partial sums and results have places of their own. kReached is beside the results: which
  /// exit the inference has come to.
  enum class Place { kValue, kPartial, kResult, kReached };
  Place place = Place::kValue;
  std::int32_t index = 0;  ///< value; which of the two partial sums; which output; which exit
  Bytes begin = 0;
  Bytes run = 0;
  std::array<std::int64_t, 4> count{1, 1, 1, 1};
  std::array<Bytes, 4> step{};

  Bytes bytes() const { return run * count[0] * count[1] * count[2] * count[3]; }

  /// Calls visit(begin, size) for every run.
  template <class Visit>
  void each_run(Visit&& visit) const {
    for (std::int64_t i = 0; i < count[0]; ++i) {
      for (std::int64_t j = 0; j < count[1]; ++j) {
        for (std::int64_t k = 0; k < count[2]; ++k) {
          for (std::int64_t l = 0; l < count[3]; ++l) {
            visit(begin + i * step[0] + j * step[1] + k * step[2] + l * step[3], run);
          }
        }
      }
    }
  }
};

/// What a tile reads of activations and partial sums, and all that it writes. Reads may be more than the kernel needs,
/// never less; writes are exact. Whether there are partial sums is said by the tiling, and in which of the two a tile
/// leaves them by the parity of its place along depth.
struct Accesses {
  std::vector<Region> reads;
  std::vector<Region> writes;
};
Accesses accesses(const Graph& lowered, const Tiling& tiling, const Extent& extent, const Tile& tile);

/// "conv2d 'conv1'", or "delivery of 'logits'".
std::string describe_part(const Graph& graph, std::int32_t index, std::int32_t part);

}  // namespace mj
