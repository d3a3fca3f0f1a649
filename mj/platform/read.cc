// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <string>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/toml.h"
#include "mj/platform/number.h"
#include "mj/platform/platform.h"

namespace mj {
namespace {

constexpr std::int64_t kFormat = 1;

CostLine read_line(TomlTable& kernels, std::string_view name) {
  if (!kernels.has(name)) kernels.missing(name, "a table with the cost of this kernel");
  TomlTable line = kernels.table(name);
  const CostLine out{.per_call = read_amount(line, "cycles_per_call"),
                     .per_mac = read_amount(line, "cycles_per_mac"),
                     .per_output = read_amount(line, "cycles_per_output"),
                     .per_weight_byte = read_amount(line, "cycles_per_weight_byte"),
                     .per_symbol = line.has("cycles_per_symbol") ? read_amount(line, "cycles_per_symbol") : 0,
                     .per_gathered = line.has("cycles_per_gathered") ? read_amount(line, "cycles_per_gathered") : 0,
                     .per_run = line.has("cycles_per_run") ? read_amount(line, "cycles_per_run") : 0,
                     .per_window = line.has("cycles_per_window") ? read_amount(line, "cycles_per_window") : 0,
                     .code_bytes = read_byte_count(line, "code_bytes"),
                     .bytes_per_call = read_byte_count(line, "bytes_per_call"),
                     .source = read_source(line, "source")};
  line.finish();
  return out;
}

}  // namespace

CostLine encoded_line(const CostLine& plain) {
  constexpr Bytes kDecoder = 250;  // machine code of one layout's loop and of the calls around it
  CostLine line = plain;
  line.per_symbol = plain.per_mac;
  if (line.per_gathered == 0) line.per_gathered = plain.per_mac;
  line.code_bytes += kDecoder;
  line.source = {Source::Kind::kAssumed, "as the kernel of plain weights, decoding and copying at the cost of its multiply-accumulates; not given by the description"};
  return line;
}

namespace {

/// What is so much for a run, a byte, a multiply-accumulate and an operator.
Roofline read_sum(TomlTable& table, std::string_view unit) {
  Roofline sum;
  for (std::size_t t = 0; t < Workload::kTerms; ++t) {
    sum.per_term[t] = read_amount(table, fmt::format("{}_per_{}", unit, Workload::kKeys[t]));
  }
  return sum;
}

Accelerator read_accelerator(TomlTable& top) {
  TomlTable accelerator = top.table("accelerator");
  const auto read = [&](const char* key, const char* unit, Roofline& sum, Source& source) {
    if (!accelerator.has(key)) accelerator.missing(key, "a table of what it is per run, weight byte, activation byte, MAC and operator");
    TomlTable table = accelerator.table(key);
    sum = read_sum(table, unit);
    source = read_source(table, "source");
    table.finish();
  };
  Accelerator out;
  read("energy", "j", out.energy_j, out.energy_source);
  read("time", "s", out.time_s, out.time_source);
  accelerator.finish();
  return out;
}

void read_microcontroller(TomlTable& top, Platform& out) {
  out.frequency_hz = read_number(top, "frequency", Dimension::kFrequency);
  out.voltage_v = read_number(top, "voltage", Dimension::kVoltage);
  out.energy_per_cycle_j =
      read_number(top, "energy_per_cycle", Dimension::kEnergyPerCycle, Zero::kRefused, out.voltage_v.value);
  out.boot_energy_j = read_number(top, "boot_energy", Dimension::kEnergy, Zero::kAllowed);
  out.boots_per_inference = top.boolean("boots_per_inference", false);
  out.reserved_nvm_bytes = read_number(top, "reserved_nvm", Dimension::kBytes, Zero::kAllowed);
  out.stack_bytes = read_number(top, "stack", Dimension::kBytes, Zero::kAllowed);

  if (!top.has("kernel")) top.missing("kernel", "one table of costs per kernel");
  TomlTable kernels = top.table("kernel");
  for (int k = 0; k < kKernelCount; ++k) {
    const auto kernel = static_cast<Kernel>(k);
    const bool encoded = kernel == Kernel::kConvEncoded || kernel == Kernel::kLinearEncoded;
    CostLine& line = out.kernels[static_cast<std::size_t>(k)];
    if (encoded && !kernels.has(kernel_name(kernel))) {
      line = encoded_line(out.kernels[static_cast<std::size_t>(kernel == Kernel::kConvEncoded ? Kernel::kConv : Kernel::kLinear)]);
    } else if (general_kernel(kernel) != kernel && !kernels.has(kernel_name(kernel))) {
      line = out.kernels[static_cast<std::size_t>(general_kernel(kernel))];  // read before it
    } else if (kernel != Kernel::kNone) {  // what runs nothing costs nothing, on every platform
      line = read_line(kernels, kernel_name(kernel));
    }
  }
  kernels.finish();
  if (top.has("intermittent")) {
    TomlTable units = top.table("intermittent");
    out.units = {read_amount(units, "cycles_per_unit"), read_amount(units, "cycles_per_restart"),
                 read_source(units, "source")};
    units.finish();
  }
}

}  // namespace

Platform parse_platform(std::string_view toml, std::string_view name, std::string_view where) {
  TomlTable top = TomlTable::parse(toml, std::string(where));
  const std::int64_t format = top.integer("format");
  if (format != kFormat) fail("{}: 'format' is {}; expected {}", top.where("format"), format, kFormat);
  Platform out;
  out.name = top.text("name");
  if (out.name != name) {
    fail("{}: 'name' is '{}'; expected '{}', the name of the file", top.where("name"), out.name, name);
  }
  out.title = top.text("title");
  out.ram_bytes = read_number(top, "ram", Dimension::kBytes);
  out.nvm_bytes = read_number(top, "nvm", Dimension::kBytes);
  if (top.has("accelerator")) {
    out.accelerator = read_accelerator(top);
  } else {
    read_microcontroller(top, out);
  }
  top.finish();
  return out;
}

Platform read_platform(const std::filesystem::path& path) {
  return parse_platform(read_text(path), path.stem().string(), path.string());
}

}  // namespace mj
