// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/plan_units.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/pass/arena.h"
#include "mj/pass/passes.h"

// How large a unit should be: with a fixed cost f per unit (commit and kernel call) and one power cut per charge E that
// throws away half a unit on average, a unit of energy u wastes f/u + u/(2E) of the work, least at u = sqrt(2 f E). Cutting
// channels makes a convolution gather its windows again for every tile, which counts as some multiply-accumulates.

namespace mj {
namespace {

constexpr double kPicojoules = 1e12;
constexpr double kMaxPicojoules = 9e18;
/// Gathering one element of a window, in multiply-accumulates (from emulated runs: 8 of 16 cycles).
constexpr double kGather = 0.5;
/// Terms of an encoded row that are cut off together: a byte of a bitmap, two blocks.
constexpr std::int64_t kEncodedTerms = 8;

std::int64_t pieces(std::int64_t extent, std::int64_t step) { return (extent + step - 1) / step; }
std::int64_t rounded_up(std::int64_t value, std::int64_t multiple) { return pieces(value, multiple) * multiple; }

/// Steps that cut `extent` into even pieces, each a multiple of `quantum` (but the last), from fine to coarse.
std::vector<std::int64_t> even_steps(std::int64_t extent, std::int64_t quantum) {
  std::vector<std::int64_t> steps;
  for (std::int64_t step = std::min(quantum, extent); ; step += step / 8 + 1) {
    const std::int64_t even = std::min(extent, rounded_up(pieces(extent, pieces(extent, step)), quantum));
    if (steps.empty() || steps.back() != even) steps.push_back(even);
    if (even >= extent) return steps;
  }
}

class Planner {
 public:
  Planner(const Graph& graph, const Platform& platform, const UnitOptions& options)
      : graph_(graph), platform_(platform), options_(options), joules_per_cycle_(platform.energy_per_cycle_j.value) {
    require_microcontroller(platform, "units of work are planned");
    plan_.charge_pj = picojoules(options.charge.value);
    plan_.restart_pj = picojoules(platform.boot_energy_j.value + platform.units.per_restart * joules_per_cycle_);
    plan_.commit_pj = picojoules(platform.units.per_unit * joules_per_cycle_);
    plan_.word_bytes = options.word_bytes;
    room_ = options.charge.value - static_cast<double>(plan_.restart_pj + plan_.commit_pj) / kPicojoules;
  }

  UnitPlan run() {
    for (const auto& [node, part] : calls_in_order(graph_)) {
      const auto index = static_cast<std::size_t>(node);
      const bool computes = index < graph_.nodes.size();
      cost_ = computes ? cost(graph_, graph_.nodes[index]) : Cost{};
      weight_ = computes ? encoded_weight(graph_, graph_.nodes[index]) : nullptr;
      by_rows_ = computes && copies_by_rows(graph_, graph_.nodes[index]);
      add(node, part, extents(graph_, node)[static_cast<std::size_t>(part)]);
    }
    if (plan_.units() > kMaxUnits) {
      fail("the network takes {} units at {} per charge; the progress word counts to {}: expected a larger charge or a smaller network",
           thousands(plan_.units()), to_text(options_.charge), thousands(kMaxUnits));
    }
    return std::move(plan_);
  }

 private:
  static std::int64_t picojoules(double joules) {
    return static_cast<std::int64_t>(std::min(std::ceil(joules * kPicojoules - 1e-3), kMaxPicojoules));
  }

  Cost tile_counts(const Tiling& tiling, const Extent& extent, std::int64_t tile) const {
    return tile_cost(graph_, tiling.node, tiling.part, tile_of(tiling, extent, tile), cost_);
  }

  /// Of the costliest tile: the first, but where channels and terms differ in how many weights are stored, and rows in the
  /// boxes they are made of.
  double energy(const Tiling& tiling, const Extent& extent) const {
    std::int64_t tiles = 1;
    if (weight_ && tiling.channels < extent.channels) tiles *= pieces(extent.channels, tiling.channels);
    if (weight_ && tiling.depth < extent.depth) tiles *= pieces(extent.depth, tiling.depth);
    if (by_rows_) tiles = tile_count(tiling, extent);
    double most = 0;
    for (std::int64_t i = 0; i < tiles; ++i) most = std::max(most, kernel_cycles(tile_counts(tiling, extent, i), platform_));
    return most * joules_per_cycle_;
  }

  /// The share of all work that goes into commits, calls, repeated work and repeated gathering.
  double waste(const Tiling& tiling, const Extent& extent, double energy) const {
    const Cost cost = tile_counts(tiling, extent, 0);
    const auto& line = platform_.kernels[static_cast<std::size_t>(cost.kernel)];
    const double fixed = (platform_.units.per_unit + line.per_call) * joules_per_cycle_;
    // A tile that holds some of the channels gathers the windows of all.
    const bool gathers = tiling.channels < extent.channels && copies_windows(cost.kernel);
    const double known = (line.per_gathered * static_cast<double>(cost.gathered) + line.per_run * static_cast<double>(cost.runs) +
                          line.per_window * static_cast<double>(cost.windows)) *
                         joules_per_cycle_ / energy;
    const double again = !gathers ? 0 : known > 0 ? known : kGather / static_cast<double>(tiling.channels);
    const std::int64_t count = tile_count(tiling, extent);
    return (count > 1 ? fixed / energy : 0) + energy / (2 * options_.charge.value) + again;
  }

  /// Rows from one tile to the next so that no two tiles write to one word.
  std::int64_t row_quantum(std::int32_t node, std::int32_t part, const Extent& extent) const {
    const Tiling probe{.node = node, .part = part, .rows = extent.rows, .columns = extent.columns,
                       .channels = extent.channels, .depth = extent.depth};
    const Accesses touched = accesses(graph_, probe, extent, whole(extent));
    const Region& writes = touched.writes.at(0);
    // Rows that are not contiguous lie a whole output row apart.
    const bool contiguous = writes.count == std::array<std::int64_t, 4>{1, 1, 1, 1};
    const Bytes row = contiguous ? writes.bytes() / extent.rows : writes.step[0];
    return options_.word_bytes / std::gcd(row, options_.word_bytes);
  }

  void add(std::int32_t node, std::int32_t part, const Extent& extent) {
    const Bytes word = options_.word_bytes;
    const std::int64_t quantum = row_quantum(node, part, extent);
    Tiling best{.node = node, .part = part};
    double least = 0;
    const auto consider = [&](std::int64_t rows, std::int64_t columns, std::int64_t channels, std::int64_t depth) {
      Tiling tiling{.node = node, .part = part, .rows = rows, .columns = columns, .channels = channels, .depth = depth};
      const double unit = energy(tiling, extent);
      if (unit > room_) return;
      const double cost = waste(tiling, extent, unit);
      if (best.rows == 0 || cost < least) best = tiling, least = cost;
    };
    for (const std::int64_t rows : even_steps(extent.rows, quantum)) consider(rows, extent.columns, extent.channels, extent.depth);
    Tiling finest{.node = node, .part = part, .rows = std::min(quantum, extent.rows), .columns = extent.columns,
                  .channels = extent.channels, .depth = extent.depth};
    const std::int64_t column = word / std::gcd(extent.channels, word);  // columns from word to word
    // A row, or one column, that is all of the output has its words to itself.
    if (extent.columns > 1 && (extent.rows == 1 || extent.columns * extent.channels % word == 0)) {
      finest.rows = 1;
      finest.columns = std::min(column, extent.columns);
      for (const std::int64_t columns : even_steps(extent.columns, column)) consider(1, columns, extent.channels, extent.depth);
    }
    if (extent.channels > 1 && ((extent.rows == 1 && extent.columns <= 1) || extent.channels % word == 0)) {
      finest.rows = 1;
      finest.columns = extent.columns == 0 ? 0 : 1;
      finest.channels = std::min(word, extent.channels);
      if (best.rows == 0) {
        for (const std::int64_t channels : even_steps(extent.channels, word)) consider(1, finest.columns, channels, extent.depth);
      }
    }
    // Only where one whole sum is too much: every piece writes its sums. Encoded ones hold whole groups and blocks.
    if (best.rows == 0 && extent.depth > 1 && (finest.rows == 1 || quantum == 1)) {
      const std::int64_t terms = std::min(weight_ ? kEncodedTerms : 1, extent.depth);
      finest.rows = 1;
      for (const std::int64_t depth : even_steps(extent.depth, terms)) consider(1, 0, finest.channels, depth);
      finest.depth = terms;
    }
    if (best.rows == 0) refuse(finest, extent);
    best.count = tile_count(best, extent);
    best.first = plan_.units();
    best.energy_pj = picojoules(energy(best, extent)) + plan_.commit_pj;
    plan_.tilings.push_back(best);
  }

  [[noreturn]] void refuse(const Tiling& finest, const Extent& extent) const {
    const double needed = energy(finest, extent) + static_cast<double>(plan_.restart_pj + plan_.commit_pj) / kPicojoules;
    const auto reads = accesses(graph_, finest, extent, tile_of(finest, extent, 0)).reads;
    const bool constant = reads.empty() || reads[0].place != Region::Place::kValue;
    const std::string from = constant ? "constants" : fmt::format("'{}'", graph_.value(reads[0].index).name);
    const auto node = static_cast<std::size_t>(finest.node);
    const std::string to = node < graph_.nodes.size()
                               ? fmt::format("'{}'", graph_.value(graph_.nodes[node].output).name)
                               : "its result";
    const std::string words = options_.word_bytes == 1 ? "" : fmt::format(" that ends with a word of {} bytes", options_.word_bytes);
    fail("unit {} ({}): C5: its smallest tile{}, from {} to {}, takes {} with restart and commit; one charge gives {}",
         plan_.units(), describe_part(graph_, finest.node, finest.part), words, from, to, to_text(Joules{needed}),
         to_text(options_.charge));
  }

  const Graph& graph_;
  const Platform& platform_;
  const UnitOptions& options_;
  double joules_per_cycle_;
  double room_ = 0;
  // Of the call at hand.
  Cost cost_;
  const Value* weight_ = nullptr;  ///< if it is encoded
  bool by_rows_ = false;
  UnitPlan plan_;
};

/// Two places for the partial sums of every node whose depth is cut.
std::vector<Workspace> workspaces_of(const Graph& graph, const UnitPlan& units) {
  std::vector<Workspace> out;
  for (const Tiling& tiling : units.tilings) {
    const Extent extent = extents(graph, tiling.node)[static_cast<std::size_t>(tiling.part)];
    if (tiling.depth == extent.depth) continue;
    out.insert(out.end(), 2, {tiling.node, tiling.channels * byte_size(DType::kI32), 0});
  }
  return out;
}

Bytes alignment_of(const UnitPlan& units) { return std::lcm(units.word_bytes, kArenaAlignment); }

}  // namespace

double tile_cycles(const Graph& graph, std::int32_t node, std::int32_t part, const Tile& tile, const Platform& platform) {
  return kernel_cycles(tile_cost(graph, node, part, tile), platform);
}

Graph plan_units(Graph graph, const Platform& platform, const UnitOptions& options) {
  if (!(options.charge.value > 0)) fail("a charge of {} cannot run anything; expected more than 0 J", to_text(options.charge));
  std::vector<Workspace> none;
  graph.plan = plan_arena(graph, kArenaAlignment, none, Answers::kDelivered);  // where reshapes lie; offsets are decided below
  graph.plan->units.emplace().word_bytes = options.word_bytes;
  UnitPlan units = Planner(graph, platform, options).run();

  std::vector<Workspace> workspaces = workspaces_of(graph, units);
  Plan plan = plan_arena(graph, alignment_of(units), workspaces, Answers::kDelivered);
  std::size_t next = 0;
  for (Tiling& tiling : units.tilings) {
    const Extent extent = extents(graph, tiling.node)[static_cast<std::size_t>(tiling.part)];
    if (tiling.depth == extent.depth) continue;
    tiling.partial = {workspaces[next].offset, workspaces[next + 1].offset};
    next += 2;
  }
  graph.plan = std::move(plan);
  graph.plan->units = std::move(units);
  prove_units(graph);
  return graph;
}

Bytes unit_arena_lower_bound(const Graph& graph) {
  MJ_CHECK(graph.plan && graph.plan->units);
  return arena_bound(graph, alignment_of(*graph.plan->units), workspaces_of(graph, *graph.plan->units), Answers::kDelivered);
}

}  // namespace mj
