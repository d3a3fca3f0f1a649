// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/twin/device_folder.h"
#include "mj/twin/run.h"

namespace mj {

/// A linked program and the file it is in.
struct DeviceJob {
  ElfProgram program;
  std::filesystem::path elf;
};

/// Both give outputs, counts and stack; throw `Error` when the program fails.
TwinRun run_on_qemu(const DeviceFolder& folder, const DeviceMachine& machine, const DeviceJob& job,
                    std::span<const std::byte> inputs, std::uint64_t limit);
TwinRun run_on_msp430_core(const DeviceFolder& folder, const DeviceJob& job, std::span<const std::byte> inputs,
                           std::uint64_t limit);

}  // namespace mj
