// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "mj/twin/powercut/firmware.h"

namespace mj {

/// The functions and sizes of one loaded copy of a firmware (its C interface without the names).
struct FirmwareCalls {
  std::uint8_t (*recover)(void* state, void* kept);
  std::uint8_t (*phase)(const void* state);
  std::uint8_t (*set_input)(void* state, const std::int8_t* input);
  std::uint8_t (*step)(void* state);
  std::uint8_t (*next)(void* state);
  std::uint32_t (*epoch)(const void* state);
  const std::int8_t* (*output)(const void* state);
  void (*store)(void (*hook)(void* context, void* to, const void* from, std::size_t n), void* context);
  std::uint16_t (*unit)(const void* state);        ///< at work, or the number of units, or 0x7fff
  std::uint8_t (*exit)(const void* state);         ///< of the last answer; null without exits
  void (*decide)(std::uint8_t (*go_on)(void* context, std::uint8_t exit, std::uint16_t confidence), void* context);
  void* line;  ///< volatile memory of the port, or null
  std::size_t line_bytes;
  std::size_t state_bytes, kept_bytes;
  std::size_t kept_alignment;
  std::size_t head_bytes;  ///< progress, build and numbers, at the beginning of what is kept
  std::size_t progress_bytes;  ///< at its beginning
  std::size_t build_offset;
  std::size_t result_offset, result_bytes;  ///< of one result; two follow each other
  std::size_t arena_offset;
  std::size_t units;
};

/// The faults that a test of power cuts must find; `--seed-bug` plants them into a copy of the sources.
const std::vector<std::string>& seed_bug_names();

/// The firmware of a folder compiled for this machine with every non-volatile store passing a hook, in copies that do not
/// share anything, one per thread.
class FirmwareProgram {
 public:
  /// Compiles with the host's `cc`. Throws `Error` when there is none, the sources do not compile, or the bug has no place
  /// in this network.
  FirmwareProgram(const FirmwareFolder& folder, int copies, const std::string& seed_bug);
  ~FirmwareProgram();
  FirmwareProgram(const FirmwareProgram&) = delete;
  FirmwareProgram& operator=(const FirmwareProgram&) = delete;

  const FirmwareCalls& copy(int i) const { return *calls_[static_cast<std::size_t>(i)]; }

 private:
  std::filesystem::path build_;
  std::vector<void*> handles_;
  std::vector<const FirmwareCalls*> calls_;
};

/// Changes the sources in `build` so that they have the bug.
void plant_bug(const std::filesystem::path& build, const FirmwareFolder& folder, const std::string& bug);

}  // namespace mj
