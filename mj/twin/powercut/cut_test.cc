// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/powercut/cut_test.h"

#include <algorithm>

#include "mj/base/error.h"
#include "mj/base/parallel.h"
#include "mj/base/random.h"
#include "mj/base/text.h"

namespace mj {
CutTest::CutTest(const FirmwareFolder& folder, const PowercutOptions& options, Progress& progress)
    : folder_(folder),
      options_(options),
      progress_(progress),
      program_(folder, threads(), options.seed_bug),
      units_(static_cast<std::int64_t>(folder.units.size())) {
  for (const std::int64_t unit : folder.decisions)
    ways_.push_back({static_cast<std::int64_t>(ways_.size()), unit + 1, {}});
  ways_.push_back({static_cast<std::int64_t>(ways_.size()), units_, {}});
  for (int i = 0; i < threads(); ++i) machines_.push_back(std::make_unique<Machine>(folder, program_.copy(i)));
  for (int k = 0; k < kInputs; ++k) {
    RandomStream random(options.seed, 0x1b9, static_cast<std::uint64_t>(k));
    Memory input(static_cast<std::size_t>(folder.input_bytes));
    for (std::byte& byte : input) byte = static_cast<std::byte>(random.next() >> 56);
    inputs_.push_back(std::move(input));
  }
  for (Way& way : ways_) {
    for (int k = 0; k < kInputs; ++k) way.references.push_back(reference(*machines_[0], way, k));
  }
  for (const std::int64_t n : whole().first().writes) writes_ += n;
  dead_at_the_end_ = find_dead_at_the_end();
}

std::optional<std::size_t> CutTest::decision_at(std::int64_t i) const {
  const auto found = std::ranges::find(folder_.decisions, i - 2);
  if (found == folder_.decisions.end()) return {};
  return static_cast<std::size_t>(found - folder_.decisions.begin());
}

void CutTest::decide_once(Machine& machine, const Way& way) const {
  machine.set_decide([this, stop = way.exit](std::int64_t exit, std::int64_t unit) {
    const bool its_unit = folder_.decisions.at(static_cast<std::size_t>(exit)) == unit;
    return (exit < stop) == its_unit;
  });
}

std::string CutTest::describe(const Way& way, std::int64_t i) const {
  switch (call_at(way, i)) {
    case Call::kRecover:
      return "the first power-on";
    case Call::kInput:
      return "the input";
    case Call::kNext:
      return "the end of the delivery";
    case Call::kStep:
      break;
  }
  const FirmwareUnit& unit = folder_.units[static_cast<std::size_t>(i - 2)];
  return fmt::format("unit {} ({} '{}'){}", i - 2, unit.op, unit.node, way.units < units_ ? ", stopping there" : "");
}

void CutTest::perform(Machine& machine, const Way& way, std::int64_t i, int input) const {
  switch (call_at(way, i)) {
    case Call::kRecover:
      return;  // done by the restart itself
    case Call::kInput:
      return machine.set_input(inputs_[static_cast<std::size_t>(input)]);
    case Call::kStep:
      return machine.step();
    case Call::kNext:
      return machine.next();
  }
}

/// Of the first input all memory, but for what a longer way has too; of the others only the last.
Reference CutTest::reference(Machine& machine, const Way& way, int input) const {
  Reference out;
  std::ranges::fill(machine.kept(), std::byte{0});
  machine.set_decide([stop = way.exit](std::int64_t exit, std::int64_t) { return exit < stop; });
  for (std::int64_t i = 0; i < way.calls(); ++i) {
    out.memory.emplace_back();
    if (input == 0 && (way.units == units_ || i > way.units))
      out.memory.back().assign(machine.kept().begin(), machine.kept().end());
    machine.writes = 0;
    if (i == 0) machine.restart();
    perform(machine, way, i, input);
    out.writes.push_back(machine.writes);
    if (i == way.units + 1 && machine.phase() != kDone) {
      fail("{}: an uninterrupted run of {} units does not end", folder_.directory.string(), way.units);
    }
  }
  out.memory.emplace_back(machine.kept().begin(), machine.kept().end());
  return out;
}

std::string CutTest::difference(Machine& machine, const Memory& expected) const {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (machine.kept()[i] == expected[i]) continue;
    const FirmwareCalls& calls = machine.calls();
    const bool arena = i >= calls.arena_offset, result = i >= calls.result_offset;
    return fmt::format("byte {} of {} is {}; expected {}",
                       i - (arena    ? calls.arena_offset
                            : result ? calls.result_offset
                                     : 0),
                       arena    ? "the arena"
                       : result ? "the results"
                                : "the record of progress",
                       std::to_integer<int>(machine.kept()[i]), std::to_integer<int>(expected[i]));
  }
  return "nothing differs";
}

void CutTest::advance(std::int64_t done) {
  const std::int64_t now = done_ += done;
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (lock.owns_lock())
    progress_.update(now, divergences_ > 0 ? fmt::format("{} divergences", divergences_.load()) : "");
}

void CutTest::begin(const char* phase, std::int64_t total, const char* unit) {
  done_ = 0;
  progress_.begin(phase, total, unit);
}

std::vector<Step> CutTest::steps_of_all_ways() const {
  std::vector<Step> steps;
  for (const Way& way : ways_) {
    for (std::int64_t i = way.units == units_ ? 0 : way.units + 1; i < way.calls(); ++i) steps.push_back({&way, i});
  }
  return steps;
}

}  // namespace mj
