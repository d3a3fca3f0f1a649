// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "mj/base/text.h"
#include "mj/platform/platform.h"

namespace mj {

std::string to_text(const Source& source) {
  switch (source.kind) {
    case Source::Kind::kDatasheet:
      return "datasheet: " + source.text;
    case Source::Kind::kMeasured:
      return "measured: " + source.text;
    case Source::Kind::kEmulated:
      return "emulated: " + source.text;
    case Source::Kind::kAssumed:
      return "assumed: " + source.text;
  }
  return {};
}

namespace {

/// Rows of cells, the first and the last column left, the others right; the header underlined.
std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string out;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t c = 0; c + 1 < widths.size(); ++c) {
      out += c == 0 ? fmt::format("{:<{}}  ", rows[r][c], widths[c]) : fmt::format("{:>{}}  ", rows[r][c], widths[c]);
    }
    out += rows[r].back() + "\n";
    if (r > 0) continue;
    for (std::size_t c = 0; c < widths.size(); ++c) {
      out += std::string(widths[c], '-') + (c + 1 < widths.size() ? "  " : "\n");
    }
  }
  return out;
}

std::string memory_text(const Sourced& number) { return thousands(static_cast<std::int64_t>(number.value)); }

/// Both sums of an accelerator, term by term.
std::string describe_accelerator(const Platform& platform) {
  const Accelerator& accelerator = *platform.accelerator;
  std::vector<std::vector<std::string>> memories{{"number", "value", "unit", "source"}};
  memories.push_back({"RAM", memory_text(platform.ram_bytes), "B", to_text(platform.ram_bytes.source)});
  memories.push_back({"NVM", memory_text(platform.nvm_bytes), "B", to_text(platform.nvm_bytes.source)});
  std::vector<std::vector<std::string>> terms{{"per", "energy, J", "time, s", ""}};
  for (std::size_t t = 0; t < Workload::kTerms; ++t) {
    terms.push_back({Workload::kNames[t], fmt::format("{:.4g}", accelerator.energy_j.per_term[t]),
                     fmt::format("{:.4g}", accelerator.time_s.per_term[t]), ""});
  }
  return fmt::format("{}: {}\nan accelerator\n\n{}\n{}energy: {}\ntime: {}\n", platform.name, platform.title, aligned(memories),
                     aligned(terms), to_text(accelerator.energy_source), to_text(accelerator.time_source));
}

}  // namespace

std::string describe(const Platform& platform) {
  if (platform.accelerator) return describe_accelerator(platform);
  std::vector<std::vector<std::string>> numbers{{"number", "value", "unit", "source"}};
  const auto add = [&](const char* what, const std::string& value, const char* unit, const Sourced& number) {
    numbers.push_back({what, value, unit, to_text(number.source)});
  };
  add("frequency", number_text(platform.frequency_hz.value / 1e6), "MHz", platform.frequency_hz);
  add("voltage", number_text(platform.voltage_v.value), "V", platform.voltage_v);
  add("energy per cycle", number_text(platform.energy_per_cycle_j.value * 1e12), "pJ", platform.energy_per_cycle_j);
  add("boot energy", number_text(platform.boot_energy_j.value * 1e6), "uJ", platform.boot_energy_j);
  add("RAM", memory_text(platform.ram_bytes), "B", platform.ram_bytes);
  add("NVM", memory_text(platform.nvm_bytes), "B", platform.nvm_bytes);
  add("reserved NVM", memory_text(platform.reserved_nvm_bytes), "B", platform.reserved_nvm_bytes);
  add("stack", memory_text(platform.stack_bytes), "B", platform.stack_bytes);

  std::vector<std::vector<std::string>> lines{
      {"kernel", "cycles/call", "/MAC", "/output", "/weight byte", "/symbol", "/gathered", "/run", "/window", "code B", "B/call", "source"}};
  for (int k = 0; k < kKernelCount; ++k) {
    const auto kernel = static_cast<Kernel>(k);
    if (kernel == Kernel::kNone) continue;
    const CostLine& line = platform.kernels[static_cast<std::size_t>(k)];
    // Encodings of which the description says nothing are in the line that stands for all.
    if (kernel > Kernel::kNone && line == platform.kernels[static_cast<std::size_t>(general_kernel(kernel))]) continue;
    lines.push_back({kernel_name(kernel), number_text(line.per_call), number_text(line.per_mac),
                     number_text(line.per_output), number_text(line.per_weight_byte), number_text(line.per_symbol),
                     number_text(line.per_gathered), number_text(line.per_run), number_text(line.per_window),
                     thousands(line.code_bytes), thousands(line.bytes_per_call), to_text(line.source)});
  }
  const std::string intermittent =
      fmt::format("intermittent: {} cycles per unit, {} per restart ({})\n", number_text(platform.units.per_unit),
                  number_text(platform.units.per_restart), to_text(platform.units.source));
  return fmt::format("{}: {}\n{}\n\n{}\n{}\n{}", platform.name, platform.title,
                     platform.boots_per_inference ? "boots for every inference" : "stays on between inferences",
                     aligned(numbers), aligned(lines), intermittent);
}

}  // namespace mj
