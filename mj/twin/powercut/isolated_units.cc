// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "mj/base/error.h"
#include "mj/base/parallel.h"
#include "mj/base/text.h"
#include "mj/twin/powercut/cut_test.h"

namespace mj {

/// Every unit with nothing but what it declares to read: it must write what it declares, all of it, and no more.
void isolate_units(CutTest& test, PowercutResult& result) {
  const std::vector<Step> steps = test.steps_of_all_ways();
  const auto total = static_cast<std::int64_t>(steps.size());
  test.begin("units by themselves", total, "units");
  parallel_for_worker(total, [&](std::int64_t step, int worker) {
    Machine& machine = test.machine(worker);
    const Way& way = *steps[static_cast<std::size_t>(step)].way;
    const std::int64_t u = steps[static_cast<std::size_t>(step)].call - 2;
    if (CutTest::call_at(way, u + 2) != Call::kStep) return;
    test.decide_once(machine, way);
    const FirmwareUnit& unit = test.folder().units[static_cast<std::size_t>(u)];
    const Memory& before = way.first().memory[static_cast<std::size_t>(u + 2)];
    const Memory& after = way.first().memory[static_cast<std::size_t>(u + 3)];
    const std::size_t head = machine.calls().head_bytes;
    Memory expected(before.size(), CutTest::kPoison);
    std::memcpy(expected.data(), before.data(), head);
    const auto copy = [&](const std::vector<TouchedBytes>& regions, const Memory& from) {
      for (const TouchedBytes& region : regions) {
        const bool result = region.place == TouchedBytes::Place::kResult;
        const std::size_t base = result ? machine.calls().result_offset : machine.calls().arena_offset;
        region.each_run([&](Bytes begin, Bytes size) {
          const std::size_t at = base + static_cast<std::size_t>(begin);
          std::memcpy(expected.data() + at, from.data() + at, static_cast<std::size_t>(size));
        });
      }
    };
    copy(unit.reads, before);
    CutTest::load(machine, expected);
    machine.restart();
    machine.step();
    copy(unit.writes, after);
    std::memcpy(expected.data(), after.data(), head);
    if (!same(machine.kept(), expected)) {
      test.diverged([&] {
        return fmt::format("{} by itself: {}", test.describe(way, u + 2), test.difference(machine, expected));
      });
    }
    test.advance(1);
  });
  result.isolated_units = test.units();
  test.end(fmt::format("{} units by themselves", thousands(test.units())));
}

}  // namespace mj
