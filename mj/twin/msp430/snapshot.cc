// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/msp430/core.h"
#include "mj/twin/msp430/machine.h"

namespace mj::msp430 {

struct Snapshot::State {
  std::array<std::uint32_t, 16> registers{};
  std::uint64_t instructions = 0;
  std::uint64_t cycles = 0;
  std::uint32_t stack_low = 0;
  PageSet changed;
  Peripherals peripherals;
  FramCache fram_cache;
  MemoryTraffic traffic;
};

Snapshot::Snapshot() : state_(std::make_unique<State>()) {}
Snapshot::~Snapshot() = default;
Snapshot::Snapshot(Snapshot&&) noexcept = default;
Snapshot& Snapshot::operator=(Snapshot&&) noexcept = default;

void Machine::save(Snapshot& snapshot) const {
  Snapshot::State& state = *snapshot.state_;
  state.registers = core_->registers;
  state.instructions = core_->instructions;
  state.cycles = core_->cycles;
  state.stack_low = core_->stack_low;
  core_->memory.save(state.changed);
  state.peripherals = core_->memory.peripherals;
  state.fram_cache = core_->memory.fram_cache;
  state.traffic = core_->memory.traffic;
}

Snapshot Machine::snapshot() const {
  Snapshot snapshot;
  save(snapshot);
  return snapshot;
}

void Machine::restore(const Snapshot& snapshot) {
  const Snapshot::State& state = *snapshot.state_;
  core_->registers = state.registers;
  core_->instructions = state.instructions;
  core_->cycles = state.cycles;
  core_->stack_low = state.stack_low;
  core_->memory.restore(state.changed);
  core_->memory.peripherals = state.peripherals;
  core_->memory.fram_cache = state.fram_cache;
  core_->memory.traffic = state.traffic;
}

bool Machine::same_fram(const Snapshot& snapshot) const {
  return core_->memory.same(snapshot.state_->changed, Region::kFram);
}

bool Machine::same_state(const Snapshot& snapshot) const {
  const Snapshot::State& state = *snapshot.state_;
  const Memory& memory = core_->memory;
  return core_->registers == state.registers && memory.peripherals == state.peripherals &&
         memory.same(state.changed, Region::kSram) && memory.same(state.changed, Region::kFram) &&
         memory.same(state.changed, Region::kPeripheral);
}

}  // namespace mj::msp430
