// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "mj/ir/graph.h"
#include "mj/ir/memory.h"
#include "mj/platform/platform.h"

namespace mj {

struct EmitOptions {
  std::string name = "model";   ///< C identifier that prefixes everything
  std::string target = "host";  ///< host, cortex-m, riscv or msp430
  std::string nvm = "fram";     ///< non-volatile memory of intermittent firmware: fram, bytes or words
};

/// Files of a firmware folder by name relative to it: NAME.h, NAME.c, the runtime files used, main.c (of the host a test
/// driver), Makefile, README.md, manifest.json; for a device also board, start-up code and linker scripts.
using Firmware = std::map<std::string, std::string>;

/// Prints a lowered (int8, planned) graph as strict C99; one whose plan has units becomes firmware that survives power
/// cuts. Throws `Error` naming every node without an integer kernel.
/// `platform` and the estimate fill the README's budget table and the manifest; neither changes the code. The same
/// arguments give the same bytes.
Firmware emit(const Graph& lowered, const EmitOptions& options, const Platform* platform = nullptr,
              const Estimate* estimate = nullptr);

/// Writes the folder: into a temporary one beside it, then renamed, so that a reader never sees half of it. An older
/// firmware folder of that name is replaced; throws `Error` on anything else that is there.
void write_firmware(const std::filesystem::path& directory, const Firmware& firmware);

}  // namespace mj
