// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mj/base/units.h"

namespace mj {

constexpr std::uint64_t kMostInstructions = 4'000'000'000;  ///< beyond which a program counts as running away

struct TwinOptions {
  std::string machine;  ///< empty: the family's usual one
  std::uint64_t limit = kMostInstructions;  ///< in all
};

struct TwinLayer {
  std::string name;
  std::uint64_t instructions = 0;
  std::optional<std::uint64_t> cycles;
};

/// What an emulated device did with a list of inputs.
struct TwinRun {
  std::string machine;
  std::string title;
  std::size_t inferences = 0;
  std::vector<std::byte> outputs;  ///< all outputs of every inference, one after the other
  /// Of the first inference: from the first instruction of NAME_infer to the end of its last layer.
  std::uint64_t instructions = 0;
  std::optional<std::uint64_t> cycles;  ///< where the machine defines them
  std::vector<TwinLayer> layers;        ///< the same by layer; empty for intermittent firmware
  std::uint64_t all_instructions = 0;   ///< from reset to the end
  Bytes stack_bytes = 0;                ///< high-water mark
};

/// Builds a firmware folder for a machine and runs it there on int8 inputs of the network's size, one after the other.
/// Cortex-M and RISC-V run on QEMU, instructions counted one by one; the MSP430FR5994 on our own core, whose cycles are those
/// of the manual. Deterministic. Throws `Error`: one sentence with address and nearest symbol for a program that faults,
/// overflows its stack or runs away; and for missing tools.
TwinRun run_twin(const std::filesystem::path& folder, std::span<const std::byte> inputs, const TwinOptions& options);

}  // namespace mj
