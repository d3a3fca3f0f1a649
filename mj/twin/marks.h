// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "mj/twin/device_folder.h"
#include "mj/twin/run.h"

namespace mj {

/// Where in a program an inference and its layers begin.
struct Marks {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::map<std::uint32_t, std::size_t> layers;  ///< by address
};

/// Throws `Error` for a program that lacks them.
Marks find_marks(const ElfProgram& program, const DeviceFolder& folder);

/// How far the counters were when the program came to an address.
struct Passage {
  std::uint32_t address = 0;
  std::uint64_t instructions = 0;
  std::optional<std::uint64_t> cycles;
};

/// Fills in what the first inference took, in all and by layer.
void count_first_inference(TwinRun& run, const Marks& marks, const std::vector<Passage>& passages,
                           const DeviceFolder& folder);

}  // namespace mj
