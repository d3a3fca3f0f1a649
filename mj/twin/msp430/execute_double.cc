// SPDX-License-Identifier: Apache-2.0

// MSP430 format I, its extended form, and the address instructions: two operands.
#include <array>

#include "mj/twin/msp430/alu.h"
#include "mj/twin/msp430/operands.h"

namespace mj::msp430 {
namespace {

constexpr bool writes(Operation operation) { return operation != Operation::kCmp && operation != Operation::kBit; }

template <Operation kOperation, int kBits, Access kSource, Access kDestination>
void run_double(Core& core, const Decoded& decoded) {
  const std::uint32_t source = load_source<kSource, kBits>(core, decoded);
  std::uint32_t& sr = core.registers[kSr];
  if constexpr (kIsRegister<kDestination>) {
    const std::uint8_t reg = decoded.destination_register;
    const std::uint32_t result = compute<kOperation, kBits>(source, core.registers[reg] & kMask<kBits>, sr);
    if constexpr (writes(kOperation)) store_register<kDestination>(core, reg, result);
  } else {
    const std::uint32_t address = destination_address<kDestination>(core, decoded);
    const std::uint32_t before = kOperation == Operation::kMov ? 0 : core.memory.read<kBits>(address);
    const std::uint32_t result = compute<kOperation, kBits>(source, before, sr);
    if constexpr (writes(kOperation)) core.memory.write<kBits>(address, result);
  }
}

constexpr Access kSources[] = {Access::kRegister, Access::kImmediate, Access::kIndexed,
                               Access::kAbsolute, Access::kIndirect,  Access::kIncrement};
constexpr Access kDestinations[] = {Access::kRegister, Access::kSpecial, Access::kIndexed, Access::kAbsolute};
constexpr std::size_t kOperations = 12;
constexpr std::size_t kCount = kOperations * kWidths * std::size(kSources) * std::size(kDestinations);

template <std::size_t kIndex>
constexpr Handler entry() {
  constexpr std::size_t kDestination = kIndex % std::size(kDestinations);
  constexpr std::size_t kSource = kIndex / std::size(kDestinations) % std::size(kSources);
  constexpr std::size_t kRest = kIndex / (std::size(kDestinations) * std::size(kSources));
  return &run_double<static_cast<Operation>(kRest / kWidths), kBitsOf[kRest % kWidths], kSources[kSource],
                     kDestinations[kDestination]>;
}

template <std::size_t... kIndices>
constexpr std::array<Handler, sizeof...(kIndices)> entries(std::index_sequence<kIndices...>) {
  return {entry<kIndices>()...};
}

constexpr std::array<Handler, kCount> kHandlers = entries(std::make_index_sequence<kCount>());

template <std::size_t kSize>
std::size_t position(const Access (&accesses)[kSize], Access access) {
  std::size_t i = 0;
  while (accesses[i] != access) ++i;
  return i;
}

}  // namespace

Handler double_operand_handler(const Instruction& instruction) {
  const std::size_t source = position(kSources, source_access(instruction.source));
  const std::size_t destination = position(kDestinations, destination_access(instruction.destination));
  const std::size_t operation =
      static_cast<std::size_t>(instruction.operation) * kWidths + static_cast<std::size_t>(instruction.width);
  return kHandlers[(operation * std::size(kSources) + source) * std::size(kDestinations) + destination];
}

}  // namespace mj::msp430
