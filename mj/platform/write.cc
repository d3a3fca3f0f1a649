// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <map>
#include <string>
#include <vector>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/platform/platform.h"

namespace mj {
namespace {

/// A basic string of TOML.
std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) fail("'{}' holds a control character; expected one line of text", text);
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string sum_text(const char* table, const char* unit, const Roofline& sum, const Source& source) {
  std::string text = fmt::format("\n[accelerator.{}]\n", table);
  for (std::size_t t = 0; t < Workload::kTerms; ++t) {
    text += fmt::format("{}_per_{} = {:.6g}\n", unit, Workload::kKeys[t], sum.per_term[t]);
  }
  return text + fmt::format("source = {}\n", toml_text(to_text(source)));
}

std::string memory_text(const char* key, const Sourced& memory) {
  return fmt::format("{} = {{ value = {:.0f}, unit = \"B\", source = {} }}\n", key, memory.value, toml_text(to_text(memory.source)));
}

/// Four digits are more than any fit can tell.
std::string amount(double cycles) { return cycles >= 1000 ? fmt::format("{:.0f}", cycles) : fmt::format("{:.4g}", cycles); }

std::string section(Kernel kernel, const CostLine& line) {
  std::string text = fmt::format("[kernel.{}]\ncycles_per_call = {}\ncycles_per_mac = {}\ncycles_per_output = {}\ncycles_per_weight_byte = {}\n",
                                 kernel_name(kernel), amount(line.per_call), amount(line.per_mac), amount(line.per_output),
                                 amount(line.per_weight_byte));
  if (line.per_symbol > 0) text += fmt::format("cycles_per_symbol = {}\n", amount(line.per_symbol));
  if (line.per_gathered > 0) text += fmt::format("cycles_per_gathered = {}\n", amount(line.per_gathered));
  if (line.per_run > 0) text += fmt::format("cycles_per_run = {}\n", amount(line.per_run));
  if (line.per_window > 0) text += fmt::format("cycles_per_window = {}\n", amount(line.per_window));
  return text + fmt::format("code_bytes = {}\nbytes_per_call = {}\nsource = {}\n", line.code_bytes, line.bytes_per_call,
                            toml_text(to_text(line.source)));
}

}  // namespace

std::string to_toml(const Platform& platform) {
  MJ_CHECK(platform.accelerator.has_value());
  const Accelerator& accelerator = *platform.accelerator;
  return fmt::format("# SPDX-License-Identifier: Apache-2.0\nformat = 1\nname = {}\ntitle = {}\n\n", toml_text(platform.name),
                     toml_text(platform.title)) +
         memory_text("ram", platform.ram_bytes) + memory_text("nvm", platform.nvm_bytes) +
         sum_text("energy", "j", accelerator.energy_j, accelerator.energy_source) +
         sum_text("time", "s", accelerator.time_s, accelerator.time_source);
}

std::string with_cost_lines(std::string_view toml, std::string_view name, const std::map<Kernel, CostLine>& lines) {
  std::map<std::string, std::string> sections;
  for (const auto& [kernel, line] : lines) sections[fmt::format("[kernel.{}]", kernel_name(kernel))] = section(kernel, line);
  std::vector<std::string> out;
  bool inside = false;     // of a section that is replaced
  bool in_kernel = false;  // of any cost line
  std::size_t last_kernel = 0;
  for (std::size_t at = 0; at < toml.size();) {
    const std::size_t end = std::min(toml.find('\n', at), toml.size());
    const std::string line(toml.substr(at, end - at));
    at = end + 1;
    if (line.starts_with("[")) {
      in_kernel = line.starts_with("[kernel.");
      const auto replaced = sections.find(line.substr(0, line.find(']') + 1));
      inside = replaced != sections.end();
      if (inside) {
        out.push_back(replaced->second);
        sections.erase(replaced);
      }
    }
    if (line.starts_with("name = ")) {
      out.push_back(fmt::format("name = \"{}\"\n", name));
    } else if (!inside || line.empty() || line.starts_with("#")) {
      out.push_back(line + "\n");
    }
    if (in_kernel && !line.empty() && !line.starts_with("#")) last_kernel = out.size();
  }
  std::string text;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i == last_kernel) {
      for (const auto& [title, added] : sections) text += "\n" + added;
      sections.clear();
    }
    text += out[i];
  }
  for (const auto& [title, added] : sections) text += "\n" + added;
  return text;
}

}  // namespace mj
