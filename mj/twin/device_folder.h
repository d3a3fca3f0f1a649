// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "mj/base/units.h"
#include "mj/emit/machines.h"
#include "mj/twin/elf.h"

namespace mj {

/// What the manifest of a firmware folder says.
struct DeviceFolder {
  std::filesystem::path path;
  std::string name;
  std::string target;
  bool intermittent = false;
  Bytes input_bytes = 0;
  std::vector<std::int64_t> input_shape;
  std::vector<Bytes> output_bytes;
  std::vector<std::string> layers;  ///< names of the nodes
};

/// Reads DIR/manifest.json. Throws `Error` for what is no firmware folder.
DeviceFolder read_device_folder(const std::filesystem::path& path);

/// Builds the folder for a machine with its own Makefile and reads the program. Throws `Error` when the folder was emitted
/// for another family, when a tool is missing, and with what compiler or linker said.
ElfProgram build_program(const DeviceFolder& folder, const DeviceMachine& machine, std::filesystem::path& elf);

}  // namespace mj
