// SPDX-License-Identifier: Apache-2.0

// Pairs and chains of cuts, each run to the end.
#include <algorithm>
#include <atomic>

#include "mj/base/error.h"
#include "mj/base/parallel.h"
#include "mj/base/random.h"
#include "mj/base/text.h"
#include "mj/twin/powercut/cut_test.h"

namespace mj {
namespace {

constexpr std::int64_t kMaxActions = 200000;

/// What was decided at the exits in one inference with cuts: a decision counts from the commit that follows it.
class Decisions {
 public:
  Decisions(const std::vector<std::int64_t>& units, RandomStream& random)
      : units_(units), random_(random), said_(units.size()), taken_(units.size()) {}

  bool ask(std::int64_t exit) {
    const bool on = random_.below(3) != 0;
    said_[static_cast<std::size_t>(exit)] = on;
    return on;
  }
  /// Once the firmware stands at another unit, what was said last holds, and anything said later does not count.
  void observe(const Machine& machine) {
    for (std::size_t k = 0; k < units_.size(); ++k) {
      if (said_[k] && !taken_[k] && machine.unit() != units_[k]) taken_[k] = said_[k];
    }
  }
  /// Where the inference has to stop.
  std::size_t exit() const {
    for (std::size_t k = 0; k < taken_.size(); ++k) {
      if (taken_[k] == false) return k;
    }
    return taken_.size();
  }

 private:
  const std::vector<std::int64_t>& units_;
  RandomStream& random_;
  std::vector<std::optional<bool>> said_, taken_;
};

/// The power fails after this number of further writes.
struct Cutting {
  std::int64_t writes;
  Cut cut;
  int tear;
};

/// The sensor may show something else after a cut, which counts only as long as no input has been committed.
int offer_after_cut(Machine& machine, int offered) {
  const Memory kept(machine.kept().begin(), machine.kept().end());
  machine.restart();
  const bool waiting = machine.phase() == kWaiting && machine.epoch() == 0;
  CutTest::load(machine, kept);
  return waiting ? (offered + 1) % CutTest::kInputs : offered;
}

/// Runs an application on a blank device to the end of its first delivery, with the cuts that `next_cut` says. Returns
/// the reference: of the input and the decisions that were committed.
template <class NextCut>
const Memory& run_application(const CutTest& test, Machine& machine, RandomStream& random, NextCut&& next_cut,
                              std::int64_t& cuts) {
  int offered = 0;
  Decisions decisions(test.folder().decisions, random);
  machine.set_decide([&](std::int64_t exit, std::int64_t) { return decisions.ask(exit); });
  bool started = false;
  // Everything that happens between two cuts, on one supply of power.
  const auto live = [&] {
    machine.restart();
    for (std::int64_t call = 0; call < kMaxActions; ++call) {
      decisions.observe(machine);
      const std::uint8_t phase = machine.phase();
      if (phase == kDone) {
        machine.next();
        return;
      }
      if (phase == kWaiting) {
        if (machine.epoch() > 0) return;  // delivered
        machine.set_input(test.input(offered));
      } else {
        machine.step();
      }
    }
  };
  for (;;) {
    const std::optional<Cutting> cut = next_cut(started);
    started = true;
    if (!cut) {
      live();
      break;
    }
    if (!machine.run_until_cut(cut->writes, cut->cut, cut->tear, live)) break;
    ++cuts;
    offered = offer_after_cut(machine, offered);
  }
  machine.set_decide({});
  return test.ways()[decisions.exit()].references[static_cast<std::size_t>(offered)].memory.back();
}

template <class What>
void compare_end(CutTest& test, Machine& machine, const Memory& expected, What&& what) {
  if (CutTest::same_but(machine.kept(), expected, test.dead_at_the_end())) return;
  test.diverged([&] { return fmt::format("{}: {}", what(), test.difference(machine, expected)); });
}

Cut random_cut(RandomStream& random) { return static_cast<Cut>(random.below(3)); }

}  // namespace

void cut_in_pairs(CutTest& test, std::int64_t sample, PowercutResult& result) {
  const bool every = sample == 0;
  const std::int64_t pairs = every ? test.writes() * test.writes() : sample;
  test.begin("double cuts", pairs, "pairs");
  const std::int64_t blocks = std::min<std::int64_t>(pairs, every ? test.writes() : 1000);
  std::atomic<std::int64_t> done = 0;
  parallel_for_worker(blocks, [&](std::int64_t block, int worker) {
    Machine& machine = test.machine(worker);
    RandomStream random(test.options().seed, 0xd0b1, static_cast<std::uint64_t>(block));
    const std::int64_t count = every ? test.writes() * 9 : pairs / blocks + (block < pairs % blocks ? 1 : 0);
    for (std::int64_t k = 0; k < count; ++k) {
      Cutting one{static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(test.writes()))),
                  random_cut(random), 0};
      Cutting two{static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(test.writes()))),
                  random_cut(random), 0};
      if (every) one = {block, static_cast<Cut>(k % 3), 0}, two = {k / 9, static_cast<Cut>(k / 3 % 3), 0};
      one.tear = static_cast<int>(random.below(static_cast<std::uint64_t>(machine.tears())));
      two.tear = static_cast<int>(random.below(static_cast<std::uint64_t>(machine.tears())));
      std::ranges::fill(machine.kept(), std::byte{0});
      int next = 0;
      std::int64_t cuts = 0;
      const Memory& expected = run_application(
          test, machine, random,
          [&](bool) -> std::optional<Cutting> {
            return ++next == 1 ? one : next == 2 ? std::optional(two) : std::nullopt;
          },
          cuts);
      compare_end(test, machine, expected, [&] {
        return fmt::format("cut {} write {}, then {} write {} after the restart", cut_name(one.cut), one.writes,
                           cut_name(two.cut), two.writes);
      });
      if (cuts == 2) ++done;
    }
    test.advance(every ? test.writes() : count);
  });
  result.double_cuts = done;
  test.end(fmt::format("{} double cuts", thousands(done)));
}

/// Chains of cuts: some far apart, some one after the other, some that leave no time for a whole unit.
void cut_in_chains(CutTest& test, std::int64_t chains, PowercutResult& result) {
  test.begin("random chains", chains, "chains");
  constexpr std::int64_t kBlock = 64;
  const std::int64_t blocks = (chains + kBlock - 1) / kBlock;
  std::atomic<std::int64_t> total = 0;
  parallel_for_worker(blocks, [&](std::int64_t block, int worker) {
    Machine& machine = test.machine(worker);
    const std::int64_t last = std::min(chains, (block + 1) * kBlock);
    for (std::int64_t chain = block * kBlock; chain < last; ++chain) {
      RandomStream random(test.options().seed, 0xc4a1, static_cast<std::uint64_t>(chain));
      const std::uint64_t length = 1 + random.below(8);
      const auto reach = static_cast<std::uint64_t>(test.writes());
      std::ranges::fill(machine.kept(), std::byte{0});
      std::int64_t cuts = 0;
      std::uint64_t planned = 0;
      const Memory& expected = run_application(
          test, machine, random,
          [&](bool) -> std::optional<Cutting> {
            if (planned++ == length) return std::nullopt;
            const std::uint64_t range =
                random.below(3) == 0 ? 8 : std::max<std::uint64_t>(1, random.below(2) == 0 ? reach / 2 : reach / 20);
            return Cutting{static_cast<std::int64_t>(random.below(range)), random_cut(random),
                           static_cast<int>(random.below(static_cast<std::uint64_t>(machine.tears())))};
          },
          cuts);
      total += cuts;
      compare_end(test, machine, expected,
                  [&] { return fmt::format("random chain {} (seed {})", chain, test.options().seed); });
    }
    test.advance(last - block * kBlock);
  });
  result.random_chains = chains;
  result.random_cuts = total;
  test.end(fmt::format("{} random chains, {} cuts", thousands(chains), thousands(total)));
}

}  // namespace mj
