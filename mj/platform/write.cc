// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "mj/base/error.h"
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

}  // namespace mj
