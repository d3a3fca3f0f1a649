// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <setjmp.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "mj/twin/powercut/program.h"

namespace mj {

/// What a power cut does to the write it meets.
enum class Cut : std::uint8_t { kBefore, kInside, kAfter };

/// One device: a copy of the firmware, its volatile and its non-volatile memory, and a power supply that can be cut at
/// any non-volatile write.
class Machine {
 public:
  Machine(const FirmwareFolder& folder, const FirmwareCalls& calls);

  const FirmwareCalls& calls() const { return calls_; }
  std::span<std::byte> kept() { return {kept_.get(), calls_.kept_bytes}; }
  std::span<std::byte> arena() { return kept().subspan(calls_.arena_offset, arena_bytes_); }
  std::span<std::byte> result(std::size_t parity) {
    return kept().subspan(calls_.result_offset + parity * calls_.result_bytes, calls_.result_bytes);
  }
  /// Volatile memory, that of the port included.
  std::vector<std::byte> volatile_memory() const;

  /// The power comes back: volatile memory holds garbage, and the firmware recovers. Says what it found.
  std::uint8_t restart();
  void poison_volatile();

  // The application's steps; each is one call of the firmware.
  std::uint8_t phase() const { return calls_.phase(state_.data()); }
  void set_input(std::span<const std::byte> input);
  void step();
  void next();
  std::uint32_t epoch() const { return calls_.epoch(state_.data()); }
  std::span<const std::byte> output() const;

  /// What the application says at an exit; asked by the firmware while it runs the unit `unit_at_work`.
  using Decide = std::function<bool(std::int64_t exit, std::int64_t unit_at_work)>;
  void set_decide(Decide decide) { decide_ = std::move(decide); }
  std::int64_t unit() const { return calls_.unit(state_.data()); }
  std::int64_t exit() const { return calls_.exit(state_.data()); }

  /// Runs `action`; the power is cut at its write number `write` (from 0). Returns whether it was: an action with fewer
  /// writes ends as if nothing had happened.
  template <class Action>
  bool run_until_cut(std::int64_t write, Cut cut, int tear, Action&& action) {
    countdown_ = write;
    cut_ = cut;
    tear_ = tear;
    if (_setjmp(power_) != 0) {
      countdown_ = kNever;
      return true;
    }
    action();
    countdown_ = kNever;
    return false;
  }

  /// Non-volatile writes since the counter was set to 0.
  std::int64_t writes = 0;
  /// Ways in which a write can be torn.
  int tears() const { return word_bytes_ > 1 ? 3 : 1; }
  /// Stores that left the non-volatile memory.
  std::int64_t strays = 0;

 private:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  static void hook(void* machine, void* to, const void* from, std::size_t n) {
    static_cast<Machine*>(machine)->store(static_cast<std::byte*>(to), static_cast<const std::byte*>(from), n);
  }
  static std::uint8_t go_on(void* machine, std::uint8_t exit, std::uint16_t confidence);
  void store(std::byte* to, const std::byte* from, std::size_t n);
  [[noreturn]] void cut(std::byte* to, const std::byte* from, std::size_t n);

  struct Free {
    void operator()(std::byte* bytes) const;
  };

  const FirmwareCalls& calls_;
  std::size_t arena_bytes_;
  std::size_t word_bytes_;
  std::size_t output_bytes_;
  std::unique_ptr<std::byte[], Free> kept_;
  std::vector<std::byte> state_;
  Decide decide_;
  std::int64_t unit_at_work_ = 0;
  jmp_buf power_;
  std::int64_t countdown_ = kNever;
  Cut cut_ = Cut::kBefore;
  int tear_ = 0;
};

}  // namespace mj
