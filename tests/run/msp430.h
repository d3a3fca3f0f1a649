// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "mj/emit/emit.h"
#include "mj/ir/tensor.h"

namespace mj {

/// Whether clang, lld and mspdebug are here; else `missing` says which are not.
bool has_msp430_tools(std::string& missing);

/// A network with one input as a program for mspdebug's simulator: 64 KB, the classic CPU, the 16-bit multiplier at 0x0130.
struct Msp430Program {
  std::filesystem::path elf;
  Bytes state_bytes = 0;
};

/// Compiles the firmware (named "net") into `folder` with the project's own start-up code and linker script.
Msp430Program build_for_msp430(const Firmware& firmware, const Graph& graph, const Tensor& input,
                               const std::filesystem::path& folder);

/// One run from reset to _halt.
struct Msp430Run {
  std::vector<std::byte> state;   ///< the state struct at the end
  std::int64_t instructions = 0;  ///< of net_infer (and the handful after it), counted by mspdebug
};
Msp430Run run_on_msp430(const Msp430Program& program);

/// The outputs of the network, one after the other, from the state struct.
std::vector<std::byte> outputs_in_state(const Graph& graph, const std::vector<std::byte>& state);

/// What net_infer costs: every instruction that mspdebug steps through, with the cycles of its addressing modes on the
/// MSP430X CPU (SLAU367, tables of format I and II instruction cycles; no FRAM wait states).
struct Msp430Cycles {
  std::int64_t instructions = 0;
  std::int64_t cycles = 0;
};
Msp430Cycles count_msp430_cycles(const Msp430Program& program);

/// Cycles of the (non-extended) instruction whose first word this is.
int msp430_instruction_cycles(std::uint16_t word);

}  // namespace mj
