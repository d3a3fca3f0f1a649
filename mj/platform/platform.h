// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mj/base/units.h"
#include "mj/ir/cost.h"
#include "mj/ir/graph.h"
#include "mj/platform/roofline.h"

namespace mj {

/// Where a number comes from; every number of a description has one.
struct Source {
  enum class Kind { kDatasheet, kMeasured, kEmulated, kAssumed };
  Kind kind = Kind::kAssumed;
  std::string text;  ///< document, or who measured it and how, or what was run on an emulated device

  bool operator==(const Source&) const = default;
};
/// "datasheet: ...", "measured: ..." or "assumed: ...", as descriptions have it.
std::string to_text(const Source& source);

/// A number with its origin.
struct Sourced {
  double value = 0;
  Source source;
};

/// Cycles of one kernel: per call, per multiply-accumulate, per output element, per byte of constants read, per element of
/// windows read, per run of elements and per window (see `Cost`); where weights are encoded also per step of decoding.
struct CostLine {
  double per_call = 0;
  double per_mac = 0;
  double per_output = 0;
  double per_weight_byte = 0;
  double per_symbol = 0;    ///< optional key
  double per_gathered = 0;  ///< optional key
  double per_run = 0;       ///< optional key
  double per_window = 0;    ///< optional key
  Bytes code_bytes = 0;      ///< machine code of the general kernel, counted once when a network uses it
  Bytes bytes_per_call = 0;  ///< the description of a layer and the code that calls the kernel, per node
  Source source;

  bool operator==(const CostLine&) const = default;
};

/// Cycles that intermittent execution adds: per unit of work (finding it, calling its kernel, committing it) and per
/// restart (from the first instruction of the program to the first unit).
struct UnitCosts {
  double per_unit = 400;
  double per_restart = 600;
  Source source{Source::Kind::kAssumed, "a few table look-ups, one call and one or two stores; not given by the description"};
};

/// An accelerator that works through a network operator by operator: energy and time of one inference as sums over what the
/// network is made of (docs/energy.md).
struct Accelerator {
  Roofline energy_j;
  Roofline time_s;
  Source energy_source;
  Source time_source;
};

/// A device, read from one TOML file (`format = 1`); every number but those of the cost lines is a table `{ value = 8, unit =
/// "MHz", source = "datasheet: SLASE54D, section 8" }`. A microcontroller has cycles from operation counts and energy from
/// cycles; an accelerator has its sums instead, and only the memories of what follows.
struct Platform {
  std::string name;
  std::string title;
  std::optional<Accelerator> accelerator;
  Sourced frequency_hz;
  Sourced voltage_v;
  Sourced energy_per_cycle_j;        ///< active; its source says which memory accesses it includes
  Sourced boot_energy_j;             ///< from power-on to the first instruction of the program
  bool boots_per_inference = false;  ///< powered off in between, so that every inference pays `boot_energy_j`
  Sourced ram_bytes;                 ///< volatile memory
  Sourced nvm_bytes;                 ///< non-volatile memory
  Sourced reserved_nvm_bytes;        ///< start-up code and vectors that every program has
  Sourced stack_bytes;               ///< of the deepest kernel
  std::array<CostLine, kKernelCount> kernels;
  UnitCosts units;  ///< optional table [intermittent]
};

/// What stands for [kernel.conv_encoded] and [kernel.linear_encoded] in a description without them: a step of decoding and
/// the copy of an element cost as much as a multiply-accumulate of the plain kernel.
CostLine encoded_line(const CostLine& plain);

/// Reads and checks a description. Throws `Error` naming file, line and key: misspelt keys (with the nearest known
/// one), units of another quantity, numbers that are not finite or not positive, missing sources.
Platform read_platform(const std::filesystem::path& path);
/// The same from text; `name` is what the description must call itself, `where` goes in front of messages.
Platform parse_platform(std::string_view toml, std::string_view name, std::string_view where);
/// By name from the installed folder of descriptions, or a path to a `.toml`; throws `Error` listing the known names.
Platform find_platform(std::string_view name_or_path);
/// Names of the installed descriptions, sorted.
std::vector<std::string> platform_names();
/// All numbers with their sources, as aligned text for `platform show`.
std::string describe(const Platform& platform);

/// The description of an accelerator as a file that `parse_platform` reads.
std::string to_toml(const Platform& accelerator);

/// What one node costs.
struct LayerEstimate {
  std::string name;
  std::string op;
  Cost cost;
  double cycles = 0;
  Joules energy;
};

/// What one inference costs.
///
/// On a microcontroller cycles = sum over nodes of per_call + per_mac * macs + per_output * outputs + per_weight_byte * weight
/// bytes + per_symbol * symbols + per_gathered * gathered + per_run * runs + per_window * windows; energy = cycles *
/// J/cycle, plus the boot where the platform boots for every inference; latency = cycles / frequency.
/// An accelerator has no cycles; what each run of it takes besides its layers is in the totals alone.
struct Estimate {
  double cycles = 0;
  Joules energy;             ///< boot included where there is one
  Joules boot_energy;        ///< the part of it that is the boot: 0 on a device that stays on
  Seconds latency;           ///< without the boot
  Bytes nvm_bytes = 0;       ///< start-up code + kernels used, each once + what calls them + constants
  Bytes code_bytes = 0;      ///< all of these but the constants
  Bytes constant_bytes = 0;  ///< see `constant_bytes` below
  Bytes exported_bytes = 0;  ///< see `exported_bytes` below
  Bytes ram_bytes = 0;       ///< state struct (arena and scratch) + stack
  std::vector<LayerEstimate> layers;

  bool fits(const Platform& platform) const {
    return static_cast<double>(nvm_bytes) <= platform.nvm_bytes.value &&
           static_cast<double>(ram_bytes) <= platform.ram_bytes.value;
  }
};

/// Throws `Error` when the platform is an accelerator, which `what` cannot be done for, e.g. "units of work are planned".
void require_microcontroller(const Platform& platform, std::string_view what);

/// The text of a description with other cost lines: their cycles and sources are replaced, and lines that it lacks are
/// added. `name` is what the new description calls itself.
std::string with_cost_lines(std::string_view toml, std::string_view name, const std::map<Kernel, CostLine>& lines);
/// The file that `find_platform` reads.
std::filesystem::path platform_file(std::string_view name_or_path);

/// Cycles of some work of one kernel call; 0 where no kernel runs.
double kernel_cycles(const Cost& cost, const Platform& platform);

/// Energy, latency and memory of a lowered graph (int8 types and a plan, see `pass/lower.h`) on a platform.
Estimate estimate(const Graph& lowered, const Platform& platform);

/// Bytes of the arrays of constants that the emitted code of a lowered graph holds: every constant that nodes read,
/// once, as it is encoded; 4 bytes per tile where units cut the channels of an encoded weight; for every output channel
/// of conv2d and linear a 4-byte bias, a 4-byte multiplier and a 1-byte shift; 256 bytes for a function of one int8 and
/// for the pixels of each channel that are normalised in their own way; 1 KiB for softmax.
Bytes constant_bytes(const Graph& lowered);

/// Bytes of const data in the compiled object of the network, where a pointer takes four: `constant_bytes`, what describes
/// each layer to its kernel (26 bytes of a linear layer, 52 of a convolution, ...), places of several outputs and class
/// names. What compressed sizes are quoted in; estimates count the descriptions with the code that makes the calls.
Bytes exported_bytes(const Graph& lowered);

}  // namespace mj
