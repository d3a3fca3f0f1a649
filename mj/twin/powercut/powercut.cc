// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/powercut/powercut.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <mutex>

#include "mj/base/error.h"
#include "mj/base/parallel.h"
#include "mj/base/random.h"
#include "mj/base/text.h"
#include "mj/twin/powercut/machine.h"

namespace mj {
namespace {

using Memory = std::vector<std::byte>;

constexpr std::byte kPoison{0xa5};
constexpr std::uint8_t kWaiting = 0, kDone = 2;
constexpr int kInputs = 2;  ///< the application may offer another input after a cut
constexpr std::int64_t kMaxActions = 200000;

bool same(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

const char* cut_name(Cut cut) { return cut == Cut::kBefore ? "before" : cut == Cut::kInside ? "inside" : "after"; }

/// Which call of the firmware comes next: recovery on a blank device, the input, the units, the end of the delivery.
enum class Call : std::uint8_t { kRecover, kInput, kStep, kNext };

/// An uninterrupted run: all non-volatile memory before and after every call.
struct Reference {
  std::vector<Memory> memory;         ///< memory[i] before call i; the last after all. Empty where it was not kept
  std::vector<std::int64_t> writes;   ///< by each call
};

/// A way through the network: to a stop at one of its exits, or to its end. Each is a beginning of the longer ones.
struct Way {
  std::int64_t exit = 0;   ///< where it stops
  std::int64_t units = 0;
  std::vector<Reference> references;  ///< by input

  std::int64_t calls() const { return units + 3; }
  const Reference& first() const { return references[0]; }
};

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

class Tester {
 public:
  Tester(const FirmwareFolder& folder, const PowercutOptions& options, Progress& progress)
      : folder_(folder),
        options_(options),
        progress_(progress),
        program_(folder, threads(), options.seed_bug),
        units_(static_cast<std::int64_t>(folder.units.size())) {
    for (const std::int64_t unit : folder.decisions) ways_.push_back({static_cast<std::int64_t>(ways_.size()), unit + 1, {}});
    ways_.push_back({static_cast<std::int64_t>(ways_.size()), units_, {}});
    for (int i = 0; i < threads(); ++i) machines_.push_back(std::make_unique<Machine>(folder, program_.copy(i)));
    for (int k = 0; k < kInputs; ++k) {
      RandomStream random(options.seed, 0x1b9, static_cast<std::uint64_t>(k));
      Memory input(static_cast<std::size_t>(folder.input_bytes));
      for (std::byte& byte : input) byte = static_cast<std::byte>(random.next() >> 56);
      inputs_.push_back(std::move(input));
    }
  }

  PowercutResult run() {
    const auto start = std::chrono::steady_clock::now();
    for (Way& way : ways_) {
      for (int k = 0; k < kInputs; ++k) way.references.push_back(reference(*machines_[0], way, k));
    }
    result_.units = units_;
    result_.exits = static_cast<std::int64_t>(folder_.decisions.size());
    dead_at_the_end_ = dead_at_the_end(*machines_[0]);
    for (const std::int64_t n : whole().first().writes) result_.writes += n;
    count_bytes();
    isolate_units();
    if (options_.single) single_cuts();
    if (options_.doubles) double_cuts(*options_.doubles);
    if (options_.random > 0) random_chains(options_.random);
    for (const auto& machine : machines_) {
      if (machine->strays > 0) diverged([&] { return fmt::format("{} stores outside of the non-volatile memory", machine->strays); });
    }
    result_.divergences = divergences_;
    result_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return result_;
  }

 private:
  // The calls of one inference on a blank device, by number.
  static Call call_at(const Way& way, std::int64_t i) {
    return i == 0 ? Call::kRecover : i == 1 ? Call::kInput : i == way.units + 2 ? Call::kNext : Call::kStep;
  }
  /// The way to the end.
  const Way& whole() const { return ways_.back(); }

  /// Which exit decides in call i, if any.
  std::optional<std::size_t> decision_at(std::int64_t i) const {
    const auto found = std::ranges::find(folder_.decisions, i - 2);
    if (found == folder_.decisions.end()) return {};
    return static_cast<std::size_t>(found - folder_.decisions.begin());
  }

  /// From here on the application decides as this way has it; where it is asked anywhere but at the decision itself, it says
  /// the contrary.
  void decide_once(Machine& machine, const Way& way) const {
    machine.set_decide([this, stop = way.exit](std::int64_t exit, std::int64_t unit) {
      const bool its_unit = folder_.decisions.at(static_cast<std::size_t>(exit)) == unit;
      return (exit < stop) == its_unit;
    });
  }

  std::string describe(const Way& way, std::int64_t i) const {
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

  void perform(Machine& machine, const Way& way, std::int64_t i, int input) const {
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

  static void load(Machine& machine, const Memory& memory) { std::memcpy(machine.kept().data(), memory.data(), memory.size()); }

  /// Of the first input all memory, but for what a longer way has too; of the others only the last.
  Reference reference(Machine& machine, const Way& way, int input) const {
    Reference out;
    std::ranges::fill(machine.kept(), std::byte{0});
    machine.set_decide([stop = way.exit](std::int64_t exit, std::int64_t) { return exit < stop; });
    for (std::int64_t i = 0; i < way.calls(); ++i) {
      out.memory.emplace_back();
      if (input == 0 && (way.units == units_ || i > way.units)) out.memory.back().assign(machine.kept().begin(), machine.kept().end());
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

  template <class Say>
  void diverged(Say&& say) {
    if (divergences_++ > 0) return;
    const std::lock_guard lock(mutex_);
    result_.first_divergence = say();
  }

  /// Where memory differs from what it should be.
  std::string difference(Machine& machine, const Memory& expected) const {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (machine.kept()[i] == expected[i]) continue;
      const FirmwareCalls& calls = machine.calls();
      const bool arena = i >= calls.arena_offset, result = i >= calls.result_offset;
      return fmt::format("byte {} of {} is {}; expected {}",
                         i - (arena ? calls.arena_offset : result ? calls.result_offset : 0),
                         arena ? "the arena" : result ? "the results" : "the record of progress",
                         std::to_integer<int>(machine.kept()[i]), std::to_integer<int>(expected[i]));
    }
    return "nothing differs";
  }

  void advance(std::int64_t done) {
    const std::int64_t now = done_ += done;
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (lock.owns_lock()) progress_.update(now, divergences_ > 0 ? fmt::format("{} divergences", divergences_.load()) : "");
  }
  void begin(const char* phase, std::int64_t total, const char* unit) {
    done_ = 0;
    progress_.begin(phase, total, unit);
  }

  /// What the memory really wrote, by what it was for.
  void count_bytes() {
    const Bytes word = folder_.nvm == "words" ? folder_.word_bytes : 1;
    const std::int64_t commit_writes = folder_.nvm == "fram" ? 1 : folder_.commit_bytes / word;
    for (std::int64_t i = 1; i < whole().calls(); ++i) {
      const Bytes bytes = (whole().first().writes[static_cast<std::size_t>(i)] - commit_writes) * word;
      Bytes* sum = call_at(whole(), i) == Call::kNext ? &result_.result_bytes : &result_.activation_bytes;
      if (call_at(whole(), i) == Call::kStep) {
        const FirmwareUnit& unit = folder_.units[static_cast<std::size_t>(i - 2)];
        if (unit.op == "delivery" || unit.op == "exit") sum = &result_.result_bytes;
        if (unit.writes.at(0).place == TouchedBytes::Place::kPartial) sum = &result_.partial_bytes;
      }
      *sum += bytes;
    }
    result_.commit_bytes = (units_ + 2) * folder_.commit_bytes;
    result_.continuous_bytes = folder_.activation_bytes;
  }

  /// Every unit with nothing but what it declares to read: it must write what it declares, all of it, and no more.
  void isolate_units() {
    const std::vector<Step> steps = steps_of_all_ways();
    const auto total = static_cast<std::int64_t>(steps.size());
    begin("units by themselves", total, "units");
    parallel_for_worker(total, [&](std::int64_t step, int worker) {
      Machine& machine = *machines_[static_cast<std::size_t>(worker)];
      const Way& way = *steps[static_cast<std::size_t>(step)].way;
      const std::int64_t u = steps[static_cast<std::size_t>(step)].call - 2;
      if (call_at(way, u + 2) != Call::kStep) return;
      decide_once(machine, way);
      const FirmwareUnit& unit = folder_.units[static_cast<std::size_t>(u)];
      const Memory& before = way.first().memory[static_cast<std::size_t>(u + 2)];
      const Memory& after = way.first().memory[static_cast<std::size_t>(u + 3)];
      const std::size_t head = machine.calls().head_bytes;
      Memory expected(before.size(), kPoison);
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
      load(machine, expected);
      machine.restart();
      machine.step();
      copy(unit.writes, after);
      std::memcpy(expected.data(), after.data(), head);
      if (!same(machine.kept(), expected)) {
        diverged([&] { return fmt::format("{} by itself: {}", describe(way, u + 2), difference(machine, expected)); });
      }
      advance(1);
    });
    result_.isolated_units = units_;
    progress_.end(fmt::format("{} units by themselves", thousands(units_)));
  }

  /// A restart before call i, run to the end and compared after every call. Returns volatile memory after call i.
  Memory restart_and_compare(Machine& machine, const Way& way, std::int64_t i) {
    load(machine, way.first().memory[static_cast<std::size_t>(i)]);
    decide_once(machine, way);
    machine.restart();
    Memory volatile_after;
    for (std::int64_t call = i; call < way.calls(); ++call) {
      perform(machine, way, call, 0);
      if (call == i) volatile_after = machine.volatile_memory();
      const Memory& expected = way.first().memory[static_cast<std::size_t>(call + 1)];
      if (!same(machine.kept(), expected)) {
        diverged([&] {
          return fmt::format("restarted before {}, after {}: {}", describe(way, i), describe(way, call), difference(machine, expected));
        });
        break;
      }
    }
    ++restarts_;
    return volatile_after;
  }

  /// Bytes beside those of a call in the words it writes. A torn word leaves anything in them; by C2 they are nobody's.
  std::vector<std::size_t> dead_bytes(const Machine& machine, const Way& way, std::int64_t i) const {
    std::vector<std::size_t> dead;
    const auto word = static_cast<Bytes>(folder_.word_bytes);
    if (word == 1) return dead;
    constexpr std::size_t kBuildBytes = 8;
    const std::size_t build = machine.calls().build_offset;
    for (std::size_t at = build + kBuildBytes; at < build + static_cast<std::size_t>(word); ++at) dead.push_back(at);
    if (call_at(way, i) == Call::kRecover || call_at(way, i) == Call::kNext) return dead;
    std::vector<TouchedBytes> writes{{.begin = folder_.input_offset, .run = folder_.input_bytes}};
    if (call_at(way, i) == Call::kStep) writes = folder_.units[static_cast<std::size_t>(i - 2)].writes;
    std::vector<char> touched(machine.calls().kept_bytes, 0);
    for (const int expanded : {1, 0}) {
      for (const TouchedBytes& region : writes) {
        const bool result = region.place == TouchedBytes::Place::kResult;
        const std::size_t base = result ? machine.calls().result_offset : machine.calls().arena_offset;
        region.each_run([&](Bytes begin, Bytes size) {
          const Bytes from = expanded ? begin / word * word : begin, end = begin + size;
          const Bytes to = expanded ? (end + word - 1) / word * word : end;
          for (Bytes at = from; at < to; ++at) {
            const std::size_t index = base + static_cast<std::size_t>(at);
            if (index < touched.size()) touched[index] = static_cast<char>(expanded);
          }
        });
      }
    }
    for (std::size_t at = 0; at < touched.size(); ++at) {
      if (touched[at]) dead.push_back(at);
    }
    return dead;
  }

  /// Whether memory is as expected, but for these bytes.
  static bool same_but(std::span<const std::byte> memory, const Memory& expected, const std::vector<std::size_t>& but) {
    if (same(memory, expected)) return true;
    if (but.empty()) return false;
    Memory copy(memory.begin(), memory.end());
    for (const std::size_t at : but) copy[at] = expected[at];
    return same(copy, expected);
  }

  /// After the delivery: no activation is needed any more, nor what lies beside results in their words.
  std::vector<std::size_t> dead_at_the_end(const Machine& machine) const {
    std::vector<std::size_t> dead = dead_bytes(machine, whole(), 0);
    if (folder_.word_bytes == 1) return dead;
    for (std::int64_t i = 2; i < units_ + 2; ++i) {
      const std::string& op = folder_.units[static_cast<std::size_t>(i - 2)].op;
      if (op != "delivery" && op != "exit") continue;
      const auto beside = dead_bytes(machine, whole(), i);
      dead.insert(dead.end(), beside.begin(), beside.end());
    }
    for (std::size_t at = machine.calls().arena_offset; at < machine.calls().kept_bytes; ++at) dead.push_back(at);
    return dead;
  }

  /// From a machine that has restarted anywhere within call i to the end of that call, and where its memory then is not
  /// that of `volatile_after`, to the end of all.
  template <class What>
  void finish(Machine& machine, const Way& way, std::int64_t i, const Memory& volatile_after, const std::vector<std::size_t>& dead,
              What&& what) {
    const Memory& after = way.first().memory[static_cast<std::size_t>(i + 1)];
    // The commit may have been complete. Then nothing of this call is left to do.
    const std::size_t progress = machine.calls().progress_bytes;
    const bool committed = i > 0 && same(machine.kept().first(progress), std::span(after).first(progress));
    const std::optional<std::size_t> decision = decision_at(i);
    if (!committed && decision) decide_otherwise(machine, way, *decision, i, dead, what);
    if (!committed) perform(machine, way, i, 0);
    if (!same_but(machine.kept(), after, dead)) {
      return diverged([&] { return fmt::format("{}: {}", what(), difference(machine, after)); });
    }
    if (committed || same(machine.volatile_memory(), volatile_after)) return;
    for (std::int64_t call = i + 1; call < way.calls(); ++call) perform(machine, way, call, 0);
    const Memory& end = way.first().memory.back();
    if (!same_but(machine.kept(), end, dead_at_the_end_)) {
      diverged([&] { return fmt::format("{}, run to the end: {}", what(), difference(machine, end)); });
    }
  }

  /// A decision that was cut before it was committed may fall otherwise after the restart; then that way counts.
  template <class What>
  void decide_otherwise(Machine& machine, const Way& way, std::size_t exit, std::int64_t i, const std::vector<std::size_t>& dead,
                        What&& what) {
    const Memory torn(machine.kept().begin(), machine.kept().end());
    const Way& other = way.units == units_ ? ways_[exit] : whole();
    decide_once(machine, other);
    perform(machine, other, i, 0);
    const Memory& after = other.first().memory[static_cast<std::size_t>(i + 1)];
    if (!same_but(machine.kept(), after, dead)) {
      diverged([&] { return fmt::format("{}, then decided otherwise: {}", what(), difference(machine, after)); });
    }
    for (std::int64_t call = i + 1; call < other.calls(); ++call) perform(machine, other, call, 0);
    const Memory& end = other.first().memory.back();
    if (!same_but(machine.kept(), end, dead_at_the_end_)) {
      diverged([&] { return fmt::format("{}, then decided otherwise, run to the end: {}", what(), difference(machine, end)); });
    }
    decide_once(machine, way);
    load(machine, torn);
    machine.restart();
  }

  /// A call of a way.
  struct Step {
    const Way* way = nullptr;
    std::int64_t call = 0;
  };
  /// Every call that differs from those of other ways: all calls to the end, and where ways stop before it the decision to
  /// do so and the delivery.
  std::vector<Step> steps_of_all_ways() const {
    std::vector<Step> steps;
    for (const Way& way : ways_) {
      for (std::int64_t i = way.units == units_ ? 0 : way.units + 1; i < way.calls(); ++i) steps.push_back({&way, i});
    }
    return steps;
  }

  void single_cuts() {
    begin("single cuts", result_.writes, "writes");
    const std::vector<Step> steps = steps_of_all_ways();
    parallel_for_worker(static_cast<std::int64_t>(steps.size()), [&](std::int64_t step, int worker) {
      Machine& machine = *machines_[static_cast<std::size_t>(worker)];
      const Way& way = *steps[static_cast<std::size_t>(step)].way;
      const std::int64_t i = steps[static_cast<std::size_t>(step)].call;
      const Memory volatile_after = restart_and_compare(machine, way, i);
      const std::vector<std::size_t> dead = dead_bytes(machine, way, i);
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
      advance(writes);
    });
    result_.single_cuts = single_;
    result_.recovery_cuts = recovery_;
    result_.restarts_run_to_the_end = restarts_;
    progress_.end(fmt::format("{} single cuts", thousands(single_)));
  }

  /// Brings the machine to the cut: volatile memory as after a restart before the call.
  /// Says whether the call did as many writes; a correct firmware does.
  bool cut_in_call(Machine& machine, const Way& way, std::int64_t i, std::int64_t write, Cut cut, int tear) {
    load(machine, way.first().memory[static_cast<std::size_t>(i)]);
    if (i == 0) {
      return machine.run_until_cut(write, cut, tear, [&] { machine.restart(); });
    }
    machine.restart();
    return machine.run_until_cut(write, cut, tear, [&] { perform(machine, way, i, 0); });
  }

  void cut_once(Machine& machine, const Way& way, std::int64_t i, std::int64_t write, Cut cut, int tear,
                const Memory& volatile_after, const std::vector<std::size_t>& dead) {
    const auto what = [&] { return fmt::format("cut {} write {} of {}", cut_name(cut), write, describe(way, i)); };
    if (!cut_in_call(machine, way, i, write, cut, tear)) {
      return diverged([&] { return fmt::format("{}: there is no such write after a restart", what()); });
    }
    const auto torn = machine.writes;
    machine.writes = 0;
    Memory after_cut;
    const bool keeps = folder_.nvm != "fram" || i == 0;  // FRAM's recovery writes only when it starts over
    if (keeps) after_cut.assign(machine.kept().begin(), machine.kept().end());
    machine.restart();
    const std::int64_t recovery_writes = machine.writes;
    machine.writes = torn;
    finish(machine, way, i, volatile_after, dead, what);
    // The power fails again, at every write of the recovery.
    for (std::int64_t again = 0; keeps && again < recovery_writes; ++again) {
      for (const Cut second : {Cut::kBefore, Cut::kInside, Cut::kAfter}) {
        for (int second_tear = 0; second_tear < (second == Cut::kInside ? machine.tears() : 1); ++second_tear) {
          load(machine, after_cut);
          MJ_CHECK(machine.run_until_cut(again, second, second_tear, [&] { machine.restart(); }));
          machine.restart();
          finish(machine, way, i, volatile_after, dead, [&] { return what() + ", and again in the recovery"; });
          ++recovery_;
        }
      }
    }
  }

  /// Runs an application on a blank device to the end of its first delivery, with the power cut after each of these
  /// numbers of further writes. Returns the reference: of the input and the decisions that were committed.
  struct Cutting {
    std::int64_t writes;
    Cut cut;
    int tear;
  };
  template <class NextCut>
  const Memory& run_application(Machine& machine, RandomStream& random, NextCut&& next_cut, std::int64_t& cuts) {
    int offered = 0;
    Decisions decisions(folder_.decisions, random);
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
          machine.set_input(inputs_[static_cast<std::size_t>(offered)]);
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
    return ways_[decisions.exit()].references[static_cast<std::size_t>(offered)].memory.back();
  }

  /// The sensor may show something else after a cut, which counts only as long as no input has been committed.
  int offer_after_cut(Machine& machine, int offered) {
    const Memory kept(machine.kept().begin(), machine.kept().end());
    machine.restart();
    const bool waiting = machine.phase() == kWaiting && machine.epoch() == 0;
    load(machine, kept);
    return waiting ? (offered + 1) % kInputs : offered;
  }

  template <class What>
  void compare_end(Machine& machine, const Memory& expected, What&& what) {
    if (same_but(machine.kept(), expected, dead_at_the_end_)) return;
    diverged([&] { return fmt::format("{}: {}", what(), difference(machine, expected)); });
  }

  Cut random_cut(RandomStream& random) const { return static_cast<Cut>(random.below(3)); }

  void double_cuts(std::int64_t sample) {
    const bool every = sample == 0;
    const std::int64_t pairs = every ? result_.writes * result_.writes : sample;
    begin("double cuts", pairs, "pairs");
    const std::int64_t blocks = std::min<std::int64_t>(pairs, every ? result_.writes : 1000);
    std::atomic<std::int64_t> done = 0;
    parallel_for_worker(blocks, [&](std::int64_t block, int worker) {
      Machine& machine = *machines_[static_cast<std::size_t>(worker)];
      RandomStream random(options_.seed, 0xd0b1, static_cast<std::uint64_t>(block));
      const std::int64_t count = every ? result_.writes * 9 : pairs / blocks + (block < pairs % blocks ? 1 : 0);
      for (std::int64_t k = 0; k < count; ++k) {
        Cutting one{static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(result_.writes))), random_cut(random), 0};
        Cutting two{static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(result_.writes))), random_cut(random), 0};
        if (every) one = {block, static_cast<Cut>(k % 3), 0}, two = {k / 9, static_cast<Cut>(k / 3 % 3), 0};
        one.tear = static_cast<int>(random.below(static_cast<std::uint64_t>(machine.tears())));
        two.tear = static_cast<int>(random.below(static_cast<std::uint64_t>(machine.tears())));
        std::ranges::fill(machine.kept(), std::byte{0});
        int next = 0;
        std::int64_t cuts = 0;
        const Memory& expected = run_application(
            machine, random, [&](bool) -> std::optional<Cutting> { return ++next == 1 ? one : next == 2 ? std::optional(two) : std::nullopt; }, cuts);
        compare_end(machine, expected, [&] {
          return fmt::format("cut {} write {}, then {} write {} after the restart", cut_name(one.cut), one.writes, cut_name(two.cut),
                             two.writes);
        });
        if (cuts == 2) ++done;
      }
      advance(every ? result_.writes : count);
    });
    result_.double_cuts = done;
    progress_.end(fmt::format("{} double cuts", thousands(done)));
  }

  /// Chains of cuts: some far apart, some one after the other, some that leave no time for a whole unit.
  void random_chains(std::int64_t chains) {
    begin("random chains", chains, "chains");
    constexpr std::int64_t kBlock = 64;
    const std::int64_t blocks = (chains + kBlock - 1) / kBlock;
    std::atomic<std::int64_t> total = 0;
    parallel_for_worker(blocks, [&](std::int64_t block, int worker) {
      Machine& machine = *machines_[static_cast<std::size_t>(worker)];
      const std::int64_t last = std::min(chains, (block + 1) * kBlock);
      for (std::int64_t chain = block * kBlock; chain < last; ++chain) {
        RandomStream random(options_.seed, 0xc4a1, static_cast<std::uint64_t>(chain));
        const std::uint64_t length = 1 + random.below(8);
        const auto reach = static_cast<std::uint64_t>(result_.writes);
        std::ranges::fill(machine.kept(), std::byte{0});
        std::int64_t cuts = 0;
        std::uint64_t planned = 0;
        const Memory& expected = run_application(
            machine, random,
            [&](bool) -> std::optional<Cutting> {
              if (planned++ == length) return std::nullopt;
              const std::uint64_t range = random.below(3) == 0 ? 8 : std::max<std::uint64_t>(1, random.below(2) == 0 ? reach / 2 : reach / 20);
              return Cutting{static_cast<std::int64_t>(random.below(range)), random_cut(random),
                             static_cast<int>(random.below(static_cast<std::uint64_t>(machine.tears())))};
            },
            cuts);
        total += cuts;
        compare_end(machine, expected, [&] { return fmt::format("random chain {} (seed {})", chain, options_.seed); });
      }
      advance(last - block * kBlock);
    });
    result_.random_chains = chains;
    result_.random_cuts = total;
    progress_.end(fmt::format("{} random chains, {} cuts", thousands(chains), thousands(total)));
  }

  const FirmwareFolder& folder_;
  const PowercutOptions& options_;
  Progress& progress_;
  FirmwareProgram program_;
  std::int64_t units_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::vector<Memory> inputs_;
  std::vector<Way> ways_;  ///< by exit
  std::vector<std::size_t> dead_at_the_end_;
  PowercutResult result_;
  std::mutex mutex_;
  std::atomic<std::int64_t> divergences_ = 0, single_ = 0, recovery_ = 0, restarts_ = 0, done_ = 0;
};

}  // namespace

PowercutResult cut_power(const FirmwareFolder& folder, const PowercutOptions& options, Progress& progress) {
  return Tester(folder, options, progress).run();
}

}  // namespace mj
