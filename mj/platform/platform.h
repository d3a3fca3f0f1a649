// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "mj/base/units.h"
#include "mj/ir/cost.h"
#include "mj/ir/graph.h"

namespace mj {

/// Where a number comes from; every number of a description has one.
struct Source {
  enum class Kind { kDatasheet, kMeasured, kAssumed };
  Kind kind = Kind::kAssumed;
  std::string text;  ///< document, or who measured it and how
};

/// A number with its origin.
struct Sourced {
  double value = 0;
  Source source;
};

/// Cycles of one kernel: per call, per multiply-accumulate, per output element and per byte of constants read.
struct CostLine {
  double per_call = 0;
  double per_mac = 0;
  double per_output = 0;
  double per_weight_byte = 0;
  Bytes code_bytes = 0;  ///< machine code of the kernel, counted once when a network uses it
  Source source;
};

/// A microcontroller: cycles from operation counts, energy from cycles. Read from one TOML file (`format = 1`).
struct Platform {
  std::string name;
  std::string title;
  Sourced frequency_hz;
  Sourced voltage_v;
  Sourced energy_per_cycle_j;  ///< active; its source says which memory accesses it includes
  Sourced boot_energy_j;
  Sourced ram_bytes;           ///< volatile memory
  Sourced nvm_bytes;           ///< non-volatile memory
  Sourced reserved_nvm_bytes;  ///< start-up code and vectors that every program has
  Sourced stack_bytes;         ///< of the deepest kernel
  std::array<CostLine, kKernelCount> kernels;
};

/// Reads and checks a description; throws `Error` with the nearest known key for misspelt ones.
Platform read_platform(const std::filesystem::path& path);
/// By name from the installed folder of descriptions, or a path to a `.toml`; throws `Error` listing the known names.
Platform find_platform(std::string_view name_or_path);
/// Names of the installed descriptions, sorted.
std::vector<std::string> platform_names();
/// All numbers with their sources, as aligned text for `platform show`.
std::string describe(const Platform& platform);

/// What one inference costs.
struct LayerEstimate {
  std::string name;
  std::string op;
  Cost cost;
  double cycles = 0;
  Joules energy;
};
struct Estimate {
  double cycles = 0;
  Joules energy;
  Seconds latency;
  Bytes nvm_bytes = 0;  ///< code + constants
  Bytes ram_bytes = 0;  ///< arena + stack
  std::vector<LayerEstimate> layers;

  bool fits(const Platform& platform) const {
    return static_cast<double>(nvm_bytes) <= platform.nvm_bytes.value &&
           static_cast<double>(ram_bytes) <= platform.ram_bytes.value;
  }
};

/// Energy, latency and memory of a lowered graph (int8 types and a plan, see `pass/lower.h`) on a platform.
Estimate estimate(const Graph& lowered, const Platform& platform);

}  // namespace mj
