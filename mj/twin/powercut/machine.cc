// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/powercut/machine.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "mj/base/error.h"

// Power cuts leave the firmware by longjmp out of the store hook. Between the setjmp and there are only C frames of the
// firmware and trivial ones of ours.

namespace mj {
namespace {

constexpr std::byte kPoison{0xa5};

}  // namespace

void Machine::Free::operator()(std::byte* bytes) const { std::free(bytes); }

Machine::Machine(const FirmwareFolder& folder, const FirmwareCalls& calls)
    : calls_(calls),
      arena_bytes_(static_cast<std::size_t>(folder.arena_bytes)),
      word_bytes_(static_cast<std::size_t>(folder.word_bytes)),
      output_bytes_(static_cast<std::size_t>(folder.result_bytes)),
      state_(calls.state_bytes) {
  const std::size_t size = (calls.kept_bytes + 63) / 64 * 64;
  kept_.reset(static_cast<std::byte*>(std::aligned_alloc(64, size)));
  MJ_CHECK(kept_ != nullptr);
  std::memset(kept_.get(), 0, size);
  calls_.store(&Machine::hook, this);
  if (calls_.decide) calls_.decide(&Machine::go_on, this);
}

std::uint8_t Machine::go_on(void* machine, std::uint8_t exit, std::uint16_t) {
  const auto& self = *static_cast<Machine*>(machine);
  return !self.decide_ || self.decide_(exit, self.unit_at_work_) ? 1 : 0;
}

std::vector<std::byte> Machine::volatile_memory() const {
  std::vector<std::byte> bytes(state_);
  const auto* line = static_cast<const std::byte*>(calls_.line);
  bytes.insert(bytes.end(), line, line + calls_.line_bytes);
  return bytes;
}

void Machine::poison_volatile() {
  std::ranges::fill(state_, kPoison);
  if (calls_.line) std::memset(calls_.line, static_cast<int>(kPoison), calls_.line_bytes);
}

std::uint8_t Machine::restart() {
  poison_volatile();
  return calls_.recover(state_.data(), kept_.get());
}

void Machine::set_input(std::span<const std::byte> input) {
  calls_.set_input(state_.data(), reinterpret_cast<const std::int8_t*>(input.data()));
}
void Machine::step() {
  unit_at_work_ = unit();
  calls_.step(state_.data());
}
void Machine::next() { calls_.next(state_.data()); }

std::span<const std::byte> Machine::output() const {
  return {reinterpret_cast<const std::byte*>(calls_.output(state_.data())), output_bytes_};
}

void Machine::store(std::byte* to, const std::byte* from, std::size_t n) {
  if (to < kept_.get() || to + n > kept_.get() + calls_.kept_bytes) {
    ++strays;
    return;
  }
  ++writes;
  if (countdown_-- == 0) cut(to, from, n);
  std::memcpy(to, from, n);
}

void Machine::cut(std::byte* to, const std::byte* from, std::size_t n) {
  switch (cut_) {
    case Cut::kBefore:
      break;
    case Cut::kAfter:
      std::memcpy(to, from, n);
      break;
    case Cut::kInside:
      // Memory that writes whole words may leave anything in a torn one. Others tear nothing; results get garbage all the
      // same, for no proof rests on their bytes being whole.
      if (word_bytes_ > 1) {
        if (tear_ == 0) std::memcpy(to, from, n / 2);
        if (tear_ == 1) std::memset(to, 0x5a, n);
        if (tear_ == 2) {
          for (std::size_t i = 0; i < n; i += 2) to[i] = from[i];
        }
      } else if (n == 1 && to >= kept_.get() + calls_.result_offset) {
        *to = *from ^ std::byte{0x5a};
      }
      break;
  }
  ::_longjmp(power_, 1);
}

}  // namespace mj
