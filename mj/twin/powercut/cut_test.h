// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mj/base/progress.h"
#include "mj/twin/powercut/machine.h"
#include "mj/twin/powercut/powercut.h"

namespace mj {

using Memory = std::vector<std::byte>;

constexpr std::uint8_t kWaiting = 0, kDone = 2;  ///< of `Machine::phase`

inline bool same(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

inline const char* cut_name(Cut cut) {
  return cut == Cut::kBefore ? "before" : cut == Cut::kInside ? "inside" : "after";
}

/// Which call of the firmware comes next: recovery on a blank device, the input, the units, the end of the delivery.
enum class Call : std::uint8_t { kRecover, kInput, kStep, kNext };

/// An uninterrupted run: all non-volatile memory before and after every call.
struct Reference {
  std::vector<Memory> memory;        ///< memory[i] before call i; the last after all. Empty where it was not kept
  std::vector<std::int64_t> writes;  ///< by each call
};

/// A way through the network: to a stop at one of its exits, or to its end. Each is a beginning of the longer ones.
struct Way {
  std::int64_t exit = 0;  ///< where it stops
  std::int64_t units = 0;
  std::vector<Reference> references;  ///< by input

  std::int64_t calls() const { return units + 3; }
  const Reference& first() const { return references[0]; }
};

/// A call of a way.
struct Step {
  const Way* way = nullptr;
  std::int64_t call = 0;
};

/// What all tests of one firmware share: machines, uninterrupted runs to compare with, and what was found so far.
class CutTest {
 public:
  static constexpr std::byte kPoison{0xa5};
  static constexpr int kInputs = 2;  ///< the application may offer another input after a cut

  /// Compiles the firmware and runs it without cuts, every way.
  CutTest(const FirmwareFolder& folder, const PowercutOptions& options, Progress& progress);

  const FirmwareFolder& folder() const { return folder_; }
  const PowercutOptions& options() const { return options_; }
  std::int64_t units() const { return units_; }
  Machine& machine(int worker) { return *machines_[static_cast<std::size_t>(worker)]; }
  const Memory& input(int k) const { return inputs_[static_cast<std::size_t>(k)]; }

  const std::vector<Way>& ways() const { return ways_; }  ///< by exit
  /// The way to the end.
  const Way& whole() const { return ways_.back(); }
  /// Non-volatile writes of one inference to the end.
  std::int64_t writes() const { return writes_; }

  /// The calls of one inference on a blank device, by number.
  static Call call_at(const Way& way, std::int64_t i) {
    return i == 0 ? Call::kRecover : i == 1 ? Call::kInput : i == way.units + 2 ? Call::kNext : Call::kStep;
  }
  std::string describe(const Way& way, std::int64_t i) const;
  /// Every call that differs from those of other ways: all calls to the end, and where ways stop before it the decision
  /// to do so and the delivery.
  std::vector<Step> steps_of_all_ways() const;
  /// Which exit decides in call i, if any.
  std::optional<std::size_t> decision_at(std::int64_t i) const;
  void perform(Machine& machine, const Way& way, std::int64_t i, int input) const;
  static void load(Machine& machine, const Memory& memory) {
    std::memcpy(machine.kept().data(), memory.data(), memory.size());
  }
  /// From here on the application decides as this way has it; where it is asked anywhere but at the decision itself, it
  /// says the contrary.
  void decide_once(Machine& machine, const Way& way) const;

  /// Bytes beside those of a call in the words it writes. A torn word leaves anything in them; by C2 they are nobody's.
  std::vector<std::size_t> dead_bytes(const Way& way, std::int64_t i) const;
  /// After the delivery: no activation is needed any more, nor what lies beside results in their words.
  const std::vector<std::size_t>& dead_at_the_end() const { return dead_at_the_end_; }
  /// Whether memory is as expected, but for these bytes.
  static bool same_but(std::span<const std::byte> memory, const Memory& expected, const std::vector<std::size_t>& but);
  /// Where memory differs from what it should be.
  std::string difference(Machine& machine, const Memory& expected) const;

  /// Counts a divergence; the first is described by `say`.
  template <class Say>
  void diverged(Say&& say) {
    if (divergences_++ > 0) return;
    const std::lock_guard lock(mutex_);
    first_divergence_ = say();
  }
  std::int64_t divergences() const { return divergences_; }
  const std::string& first_divergence() const { return first_divergence_; }

  void begin(const char* phase, std::int64_t total, const char* unit);
  void advance(std::int64_t done);
  void end(const std::string& summary) { progress_.end(summary); }

 private:
  Reference reference(Machine& machine, const Way& way, int input) const;
  std::vector<std::size_t> find_dead_at_the_end() const;
  const FirmwareCalls& calls() const { return program_.copy(0); }

  const FirmwareFolder& folder_;
  const PowercutOptions& options_;
  Progress& progress_;
  FirmwareProgram program_;
  std::int64_t units_;
  std::int64_t writes_ = 0;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::vector<Memory> inputs_;
  std::vector<Way> ways_;
  std::vector<std::size_t> dead_at_the_end_;
  std::mutex mutex_;
  std::string first_divergence_;
  std::atomic<std::int64_t> divergences_ = 0, done_ = 0;
};

// The tests, one file each. Every one counts divergences in the CutTest and what it tried in the result.
void isolate_units(CutTest& test, PowercutResult& result);
void cut_at_every_write(CutTest& test, PowercutResult& result);
void cut_in_pairs(CutTest& test, std::int64_t sample, PowercutResult& result);
void cut_in_chains(CutTest& test, std::int64_t chains, PowercutResult& result);

}  // namespace mj
