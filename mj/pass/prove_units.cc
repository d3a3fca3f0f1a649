// SPDX-License-Identifier: Apache-2.0

// The proof that any unit may be repeated: the plan is executed byte by byte on a shadow of the non-volatile memory that
// remembers, for each byte, whose it is and which unit wrote it.
#include <algorithm>
#include <numeric>
#include <variant>
#include <vector>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/ir/exits.h"
#include "mj/pass/plan_units.h"

namespace mj {
namespace {

constexpr std::int32_t kNobody = -1;

/// Who owns a byte: a value (by its storage), or one of the two partial sums of a tiling.
struct Byte {
  std::int32_t owner = kNobody;
  std::int64_t writer = -1;  ///< unit; -1 for the input
  std::int32_t read_as = kNobody;
  std::int64_t reader = -1;
};

class Prover {
 public:
  explicit Prover(const Graph& graph)
      : graph_(graph), plan_(*graph.plan), units_(*graph.plan->units), arena_(static_cast<std::size_t>(plan_.arena_bytes)) {
    root_.resize(graph.values.size());
    std::iota(root_.begin(), root_.end(), 0);
    last_.assign(graph.values.size(), -1);
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const Node& node = graph.nodes[i];
      if (std::holds_alternative<Reshape>(node.op) && offset(node.output) == offset(node.inputs[0])) {
        root_[at(node.output)] = root_[at(node.inputs[0])];
      }
    }
    const auto needed = [&](ValueId value, std::size_t node) {
      std::int32_t& last = last_[at(root_[at(value)])];
      last = std::max(last, static_cast<std::int32_t>(node));
    };
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      for (const ValueId input : graph.nodes[i].inputs) needed(input, i);
    }
    const bool exits = exit_count(graph) > 0;
    for (std::size_t k = 0; k < graph.outputs.size(); ++k) {
      needed(graph.outputs[k], exits ? at(answer_nodes(graph)[k]) : graph.nodes.size());
    }
    for (const ValueId output : graph.outputs) results_.emplace_back(static_cast<std::size_t>(graph.type(output).bytes()));
    // The input is committed before the first unit.
    for (const ValueId input : graph.inputs) {
      for (Bytes i = 0; i < graph.type(input).bytes(); ++i) arena_[at(offset(input) + i)].owner = input;
    }
  }

  void run() {
    if (units_.units() > kMaxUnits) fail("the plan has {} units; the progress word counts to {}", units_.units(), kMaxUnits);
    for (std::size_t i = 0; i < units_.tilings.size(); ++i) {
      tiling_ = static_cast<std::int32_t>(i);
      const Tiling& tiling = units_.tilings[i];
      const Extent extent = extents(graph_, tiling.node)[at(tiling.part)];
      for (std::int64_t k = 0; k < tiling.count; ++k) {
        unit_ = tiling.first + k;
        const Accesses touched = accesses(graph_, tiling, extent, tile_of(tiling, extent, k));
        for (const Region& region : touched.reads) read(region);
        for (const Region& region : touched.writes) write(region);
      }
      check_energy(tiling);
      // Calls that write one output together; a delivery writes a result alone.
      const bool last_part = tiling.node >= delivery_index(graph_) || i + 1 == units_.tilings.size() ||
                             units_.tilings[i + 1].node != tiling.node;
      if (last_part) check_complete(tiling);
    }
  }

 private:
  static std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }
  Bytes offset(ValueId value) const {
    const auto found = std::ranges::find(plan_.buffers, value, &Buffer::value);
    MJ_CHECK(found != plan_.buffers.end());
    return found->offset;
  }
  const Tiling& tiling() const { return units_.tilings[at(tiling_)]; }

  /// Owners below kNobody are the partial sums, two of each tiling.
  std::int32_t owner_of(const Region& region) const {
    return region.place == Region::Place::kPartial ? -2 - (2 * tiling_ + region.index) : root_[at(region.index)];
  }
  Bytes base(const Region& region) const {
    return region.place == Region::Place::kPartial ? tiling().partial[at(region.index)] : offset(region.index);
  }
  std::string name(std::int32_t owner) const {
    if (owner >= 0) return fmt::format("'{}'", graph_.value(owner).name);
    const std::int32_t number = -2 - owner;
    const Tiling& split = units_.tilings[at(number / 2)];
    return fmt::format("partial sums {} of {}", number % 2, describe_part(graph_, split.node, split.part));
  }
  [[noreturn]] void refuse(const char* rule, const std::string& what) const {
    fail("unit {} ({}): {}: {}", unit_, describe_part(graph_, tiling().node, tiling().part), rule, what);
  }

  void read(const Region& region) {
    const std::int32_t owner = owner_of(region);
    region.each_run([&](Bytes begin, Bytes size) {
      for (Bytes i = begin; i < begin + size; ++i) {
        Byte& byte = arena_[at(base(region) + i)];
        if (byte.owner != owner) {
          refuse("C3", fmt::format("reads byte {} of {}, which no unit before it has written; {} lies there", i, name(owner),
                                   byte.owner == kNobody ? "nothing" : name(byte.owner)));
        }
        byte.reader = unit_;
        byte.read_as = owner;
      }
    });
  }

  void write(const Region& region) {
    if (region.place == Region::Place::kResult) return write_result(region);
    // Read by no unit and in a word of its own; every decision on the way overwrites it, the last one stays.
    if (region.place == Region::Place::kReached) return;
    const std::int32_t owner = owner_of(region);
    const Bytes word = units_.word_bytes;
    region.each_run([&](Bytes begin, Bytes size) {
      const Bytes first = base(region) + begin, last = first + size;
      // A word torn by the cut loses all its bytes, those beside the tile too.
      const Bytes from = first / word * word, to = std::min(plan_.arena_bytes, (last + word - 1) / word * word);
      for (Bytes i = from; i < to; ++i) touch(arena_[at(i)], owner, i >= first && i < last);
    });
    if (owner >= 0) written_ += region.bytes();
  }

  void touch(Byte& byte, std::int32_t owner, bool inside) {
    if (byte.reader == unit_) refuse("C1", fmt::format("writes {} where it reads {}", name(owner), name(byte.read_as)));
    const bool another_units = byte.writer != unit_ && byte.owner != kNobody;
    if (byte.owner == owner && owner >= 0) {
      if (inside && byte.writer >= 0) refuse("C4", fmt::format("writes a byte of {} that unit {} has written", name(owner), byte.writer));
      if (another_units) refuse("C2", fmt::format("shares a word of {} with unit {} of {}", name(owner), byte.writer, name(byte.owner)));
    } else if (byte.owner >= 0 && last_[at(byte.owner)] >= tiling().node) {
      refuse("C2", fmt::format("overwrites {}, which {} still needs, with {}", name(byte.owner),
                               describe_part(graph_, last_[at(byte.owner)], 0), name(owner)));
    }
    if (inside) byte.owner = owner, byte.writer = unit_;
  }

  void write_result(const Region& region) {
    region.each_run([&](Bytes begin, Bytes size) {
      const Bytes word = units_.word_bytes;
      std::vector<Byte>& result = results_[at(region.index)];
      const Bytes end = std::min(static_cast<Bytes>(result.size()), (begin + size + word - 1) / word * word);
      for (Bytes i = begin / word * word; i < end; ++i) {
        Byte& byte = result[at(i)];
        if (byte.writer >= 0) {
          refuse("C2", fmt::format("shares a word of result {} of '{}' with unit {}", region.index,
                                   graph_.value(graph_.outputs[at(region.index)]).name, byte.writer));
        }
      }
      for (Bytes i = begin; i < begin + size; ++i) result[at(i)].writer = unit_;
      written_ += size;
    });
  }

  void check_complete(const Tiling& tiling) {
    Bytes expected = 0;
    if (at(tiling.node) < graph_.nodes.size()) {
      expected = graph_.type(graph_.nodes[at(tiling.node)].output).bytes();
    } else if (tiling.node == delivery_index(graph_)) {
      expected = graph_.type(graph_.outputs[at(tiling.part)]).bytes();
    }
    if (written_ != expected) refuse("C4", fmt::format("the units of its node write {} of {} bytes", written_, expected));
    written_ = 0;
  }

  void check_energy(const Tiling& tiling) const {
    if (tiling.energy_pj <= units_.charge_pj - units_.restart_pj) return;
    refuse("C5", fmt::format("takes {} pJ with restart and commit; one charge gives {} pJ", tiling.energy_pj + units_.restart_pj,
                             units_.charge_pj));
  }

  const Graph& graph_;
  const Plan& plan_;
  const UnitPlan& units_;
  std::vector<Byte> arena_;
  std::vector<std::vector<Byte>> results_;
  std::vector<ValueId> root_;
  std::vector<std::int32_t> last_;
  std::int32_t tiling_ = 0;
  std::int64_t unit_ = 0;
  Bytes written_ = 0;
};

}  // namespace

void prove_units(const Graph& graph) {
  MJ_CHECK(graph.plan && graph.plan->units);
  Prover(graph).run();
}

}  // namespace mj
