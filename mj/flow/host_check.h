// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "mj/ir/tensor.h"

namespace mj {

/// What running the emitted C on this machine showed.
struct HostCheck {
  std::int64_t samples = 0;
  std::int64_t bytes = 0;      ///< of output compared
  std::int64_t differing = 0;  ///< bytes that differ from the evaluator's; anything but 0 is a bug of ours
};

/// Compiles the firmware folder (emitted as `name`) with the host's compiler by its own Makefile (in a folder of its own, nothing is left
/// behind), feeds it the inputs and compares every byte of every output with `expected` (outputs of one sample after the
/// other). Throws `Error` when there is no compiler, `InternalError` when the emitted code does not compile or crashes.
HostCheck check_on_host(const std::filesystem::path& firmware, const std::string& name, std::span<const Tensor> inputs,
                        std::span<const std::byte> expected);

}  // namespace mj
