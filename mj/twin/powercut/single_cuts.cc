// SPDX-License-Identifier: Apache-2.0
#include <atomic>

#include "mj/base/error.h"
#include "mj/base/parallel.h"
#include "mj/base/text.h"
#include "mj/twin/powercut/cut_test.h"

namespace mj {
namespace {

class SingleCuts {
 public:
  explicit SingleCuts(CutTest& test) : test_(test) {}

  void run(PowercutResult& result) {
    test_.begin("single cuts", test_.writes(), "writes");
    const std::vector<Step> steps = test_.steps_of_all_ways();
    parallel_for_worker(static_cast<std::int64_t>(steps.size()), [&](std::int64_t step, int worker) {
      Machine& machine = test_.machine(worker);
      const Way& way = *steps[static_cast<std::size_t>(step)].way;
      const std::int64_t i = steps[static_cast<std::size_t>(step)].call;
      const Memory volatile_after = restart_and_compare(machine, way, i);
      const std::vector<std::size_t> dead = test_.dead_bytes(way, i);
      const std::int64_t writes = way.first().writes[static_cast<std::size_t>(i)];
      std::int64_t cuts = 0;
      for (std::int64_t write = 0; write < writes; ++write) {
        for (const Cut cut : {Cut::kBefore, Cut::kInside, Cut::kAfter}) {
          for (int tear = 0; tear < (cut == Cut::kInside ? machine.tears() : 1); ++tear) {
            cut_once(machine, way, i, write, cut, tear, volatile_after, dead);
            ++cuts;
          }
        }
      }
      single_ += cuts;
      test_.advance(writes);
    });
    result.single_cuts = single_;
    result.recovery_cuts = recovery_;
    result.restarts_run_to_the_end = restarts_;
    test_.end(fmt::format("{} single cuts", thousands(single_)));
  }

 private:
  /// A restart before call i, run to the end and compared after every call. Returns volatile memory after call i.
  Memory restart_and_compare(Machine& machine, const Way& way, std::int64_t i) {
    CutTest::load(machine, way.first().memory[static_cast<std::size_t>(i)]);
    test_.decide_once(machine, way);
    machine.restart();
    Memory volatile_after;
    for (std::int64_t call = i; call < way.calls(); ++call) {
      test_.perform(machine, way, call, 0);
      if (call == i) volatile_after = machine.volatile_memory();
      const Memory& expected = way.first().memory[static_cast<std::size_t>(call + 1)];
      if (!same(machine.kept(), expected)) {
        test_.diverged([&] {
          return fmt::format("restarted before {}, after {}: {}", test_.describe(way, i), test_.describe(way, call),
                             test_.difference(machine, expected));
        });
        break;
      }
    }
    ++restarts_;
    return volatile_after;
  }

  /// From a machine that has restarted anywhere within call i to the end of that call, and where its memory then is not
  /// that of `volatile_after`, to the end of all.
  template <class What>
  void finish(Machine& machine, const Way& way, std::int64_t i, const Memory& volatile_after,
              const std::vector<std::size_t>& dead, What&& what) {
    const Memory& after = way.first().memory[static_cast<std::size_t>(i + 1)];
    // The commit may have been complete. Then nothing of this call is left to do.
    const std::size_t progress = machine.calls().progress_bytes;
    const bool committed = i > 0 && same(machine.kept().first(progress), std::span(after).first(progress));
    const std::optional<std::size_t> decision = test_.decision_at(i);
    if (!committed && decision) decide_otherwise(machine, way, *decision, i, dead, what);
    if (!committed) test_.perform(machine, way, i, 0);
    if (!CutTest::same_but(machine.kept(), after, dead)) {
      return test_.diverged([&] { return fmt::format("{}: {}", what(), test_.difference(machine, after)); });
    }
    if (committed || same(machine.volatile_memory(), volatile_after)) return;
    for (std::int64_t call = i + 1; call < way.calls(); ++call) test_.perform(machine, way, call, 0);
    const Memory& end = way.first().memory.back();
    if (!CutTest::same_but(machine.kept(), end, test_.dead_at_the_end())) {
      test_.diverged([&] { return fmt::format("{}, run to the end: {}", what(), test_.difference(machine, end)); });
    }
  }

  /// A decision that was cut before it was committed may fall otherwise after the restart; then that way counts.
  template <class What>
  void decide_otherwise(Machine& machine, const Way& way, std::size_t exit, std::int64_t i,
                        const std::vector<std::size_t>& dead, What&& what) {
    const Memory torn(machine.kept().begin(), machine.kept().end());
    const Way& other = way.units == test_.units() ? test_.ways()[exit] : test_.whole();
    test_.decide_once(machine, other);
    test_.perform(machine, other, i, 0);
    const Memory& after = other.first().memory[static_cast<std::size_t>(i + 1)];
    if (!CutTest::same_but(machine.kept(), after, dead)) {
      test_.diverged(
          [&] { return fmt::format("{}, then decided otherwise: {}", what(), test_.difference(machine, after)); });
    }
    for (std::int64_t call = i + 1; call < other.calls(); ++call) test_.perform(machine, other, call, 0);
    const Memory& end = other.first().memory.back();
    if (!CutTest::same_but(machine.kept(), end, test_.dead_at_the_end())) {
      test_.diverged([&] {
        return fmt::format("{}, then decided otherwise, run to the end: {}", what(), test_.difference(machine, end));
      });
    }
    test_.decide_once(machine, way);
    CutTest::load(machine, torn);
    machine.restart();
  }

  /// Brings the machine to the cut: volatile memory as after a restart before the call.
  /// Says whether the call did as many writes; a correct firmware does.
  bool cut_in_call(Machine& machine, const Way& way, std::int64_t i, std::int64_t write, Cut cut, int tear) {
    CutTest::load(machine, way.first().memory[static_cast<std::size_t>(i)]);
    if (i == 0) {
      return machine.run_until_cut(write, cut, tear, [&] { machine.restart(); });
    }
    machine.restart();
    return machine.run_until_cut(write, cut, tear, [&] { test_.perform(machine, way, i, 0); });
  }

  void cut_once(Machine& machine, const Way& way, std::int64_t i, std::int64_t write, Cut cut, int tear,
                const Memory& volatile_after, const std::vector<std::size_t>& dead) {
    const auto what = [&] {
      return fmt::format("cut {} write {} of {}", cut_name(cut), write, test_.describe(way, i));
    };
    if (!cut_in_call(machine, way, i, write, cut, tear)) {
      return test_.diverged([&] { return fmt::format("{}: there is no such write after a restart", what()); });
    }
    const auto torn = machine.writes;
    machine.writes = 0;
    Memory after_cut;
    const bool keeps = test_.folder().nvm != "fram" || i == 0;  // FRAM's recovery writes only when it starts over
    if (keeps) after_cut.assign(machine.kept().begin(), machine.kept().end());
    machine.restart();
    const std::int64_t recovery_writes = machine.writes;
    machine.writes = torn;
    finish(machine, way, i, volatile_after, dead, what);
    // The power fails again, at every write of the recovery.
    for (std::int64_t again = 0; keeps && again < recovery_writes; ++again) {
      for (const Cut second : {Cut::kBefore, Cut::kInside, Cut::kAfter}) {
        for (int second_tear = 0; second_tear < (second == Cut::kInside ? machine.tears() : 1); ++second_tear) {
          CutTest::load(machine, after_cut);
          MJ_CHECK(machine.run_until_cut(again, second, second_tear, [&] { machine.restart(); }));
          machine.restart();
          finish(machine, way, i, volatile_after, dead, [&] { return what() + ", and again in the recovery"; });
          ++recovery_;
        }
      }
    }
  }

  CutTest& test_;
  std::atomic<std::int64_t> single_ = 0, recovery_ = 0, restarts_ = 0;
};

}  // namespace

void cut_at_every_write(CutTest& test, PowercutResult& result) { SingleCuts(test).run(result); }

}  // namespace mj
