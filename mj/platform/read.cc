// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/platform/description.h"
#include "mj/platform/platform.h"

namespace mj {
namespace {

constexpr std::int64_t kFormat = 1;

const std::vector<std::string> kPlatformKeys{"format",        "name",       "title",
                                             "frequency",     "voltage",    "energy_per_cycle",
                                             "boot_energy",   "boots_per_inference",
                                             "ram",           "nvm",        "reserved_nvm",
                                             "stack",         "kernel"};
const std::vector<std::string> kLineKeys{"cycles_per_call",        "cycles_per_mac", "cycles_per_output",
                                         "cycles_per_weight_byte", "code_bytes",     "source"};

CostLine read_line(const Description& line) {
  line.allow(kLineKeys);
  return {.per_call = line.amount("cycles_per_call"),
          .per_mac = line.amount("cycles_per_mac"),
          .per_output = line.amount("cycles_per_output"),
          .per_weight_byte = line.amount("cycles_per_weight_byte"),
          .code_bytes = line.byte_count("code_bytes"),
          .source = line.source("source")};
}

Platform read_description(const Description& description, std::string_view name) {
  description.allow(kPlatformKeys);
  const std::int64_t format = description.integer("format");
  if (format != kFormat) {
    fail("{}: {}; this program reads format {}", description.at("format"), format, kFormat);
  }
  Platform out;
  out.name = description.text("name");
  if (out.name != name) fail("{}: '{}'; expected '{}', the name of the file", description.at("name"), out.name, name);
  out.title = description.text("title");
  out.frequency_hz = description.number("frequency", Dimension::kFrequency);
  out.voltage_v = description.number("voltage", Dimension::kVoltage);
  out.energy_per_cycle_j =
      description.number("energy_per_cycle", Dimension::kEnergyPerCycle, false, out.voltage_v.value);
  out.boot_energy_j = description.number("boot_energy", Dimension::kEnergy, true);
  if (description.has("boots_per_inference")) out.boots_per_inference = description.flag("boots_per_inference");
  out.ram_bytes = description.number("ram", Dimension::kBytes);
  out.nvm_bytes = description.number("nvm", Dimension::kBytes);
  out.reserved_nvm_bytes = description.number("reserved_nvm", Dimension::kBytes, true);
  out.stack_bytes = description.number("stack", Dimension::kBytes, true);

  const Description kernels = description.table("kernel");
  std::vector<std::string> names;
  for (int k = 0; k < kKernelCount; ++k) {
    // A node that runs nothing costs nothing, on every platform.
    if (static_cast<Kernel>(k) != Kernel::kNone) names.push_back(kernel_name(static_cast<Kernel>(k)));
  }
  kernels.allow(names);
  for (int k = 0; k < kKernelCount; ++k) {
    const auto kernel = static_cast<Kernel>(k);
    if (kernel != Kernel::kNone) {
      out.kernels[static_cast<std::size_t>(k)] = read_line(kernels.table(kernel_name(kernel)));
    }
  }
  return out;
}

}  // namespace

Platform parse_platform(std::string_view toml, std::string_view name, std::string_view where) {
  toml::table table;
  try {
    table = toml::parse(toml);
  } catch (const toml::parse_error& error) {
    fail("{}:{}: not TOML: {}", where, error.source().begin.line, error.description());
  }
  return read_description(Description(table, std::string(where)), name);
}

Platform read_platform(const std::filesystem::path& path) {
  return parse_platform(read_text(path), path.stem().string(), path.string());
}

}  // namespace mj
