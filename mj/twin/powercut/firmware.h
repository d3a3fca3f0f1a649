// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "mj/base/units.h"

namespace mj {

/// Bytes that a unit touches, as the manifest states them; within their place for sure.
struct TouchedBytes {
  enum class Place { kArena, kPartial, kResult };  ///< partial sums lie in the arena too
  Place place = Place::kArena;
  Bytes begin = 0;
  Bytes run = 0;
  std::vector<std::pair<std::int64_t, Bytes>> loops;  ///< count and step, outermost first

  Bytes bytes() const;
  /// Calls visit(begin, size) for every run.
  template <class Visit>
  void each_run(Visit&& visit) const {
    each_run(0, begin, visit);
  }

 private:
  template <class Visit>
  void each_run(std::size_t loop, Bytes at, Visit&& visit) const {
    if (loop == loops.size()) return visit(at, run);
    for (std::int64_t i = 0; i < loops[loop].first; ++i) each_run(loop + 1, at + i * loops[loop].second, visit);
  }
};

struct FirmwareUnit {
  std::string op;
  std::string node;  ///< its name
  std::vector<TouchedBytes> reads, writes;
};

/// An emitted folder of intermittent firmware, as its manifest describes it.
struct FirmwareFolder {
  std::filesystem::path directory;
  std::string name;
  std::string build_id;
  std::string nvm;
  Bytes word_bytes = 1;
  Bytes commit_bytes = 0;
  Bytes input_bytes = 0;
  Bytes input_offset = 0;  ///< in the arena
  Bytes arena_bytes = 0;
  Bytes result_bytes = 0;
  Bytes arena_lower_bound_bytes = 0;
  Bytes activation_bytes = 0;  ///< written by one continuous inference, its input included
  std::vector<FirmwareUnit> units;
  std::vector<std::int64_t> decisions;  ///< units that decide at exits whether to go on, rising; empty without exits
};

/// Throws `Error` that names the file and the key: a folder without manifest, continuous firmware, counts and places that
/// do not fit.
FirmwareFolder read_firmware(const std::filesystem::path& directory);

}  // namespace mj
