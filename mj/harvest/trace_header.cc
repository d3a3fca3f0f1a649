// SPDX-License-Identifier: Apache-2.0
#include "mj/harvest/trace_header.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "mj/base/text.h"

namespace mj {
namespace {

struct NamedUnit {
  const char* name;
  SampleUnit unit;
};

// Short names keep their case (mW is not MW); long ones are compared in lower case.
constexpr std::array kShort = {
    NamedUnit{"V", {TraceKind::kVoltage, 1}},      NamedUnit{"mV", {TraceKind::kVoltage, 1e-3}},
    NamedUnit{"W", {TraceKind::kPower, 1}},        NamedUnit{"mW", {TraceKind::kPower, 1e-3}},
    NamedUnit{"uW", {TraceKind::kPower, 1e-6}},    NamedUnit{"nW", {TraceKind::kPower, 1e-9}},
    NamedUnit{"dBm", {TraceKind::kPower, 1, true}}, NamedUnit{"A", {TraceKind::kCurrent, 1}},
    NamedUnit{"mA", {TraceKind::kCurrent, 1e-3}},  NamedUnit{"uA", {TraceKind::kCurrent, 1e-6}},
    NamedUnit{"nA", {TraceKind::kCurrent, 1e-9}}};
constexpr std::array kLong = {
    NamedUnit{"volt", {TraceKind::kVoltage, 1}},         NamedUnit{"volts", {TraceKind::kVoltage, 1}},
    NamedUnit{"millivolt", {TraceKind::kVoltage, 1e-3}}, NamedUnit{"watt", {TraceKind::kPower, 1}},
    NamedUnit{"watts", {TraceKind::kPower, 1}},          NamedUnit{"milliwatt", {TraceKind::kPower, 1e-3}},
    NamedUnit{"microwatt", {TraceKind::kPower, 1e-6}},   NamedUnit{"ampere", {TraceKind::kCurrent, 1}},
    NamedUnit{"milliampere", {TraceKind::kCurrent, 1e-3}}, NamedUnit{"microampere", {TraceKind::kCurrent, 1e-6}}};

struct NamedTime {
  const char* name;
  double seconds;
};
constexpr std::array kTimes = {NamedTime{"s", 1},       NamedTime{"sec", 1},     NamedTime{"secs", 1},
                               NamedTime{"second", 1},  NamedTime{"seconds", 1}, NamedTime{"ms", 1e-3},
                               NamedTime{"us", 1e-6},   NamedTime{"min", 60},    NamedTime{"minutes", 60},
                               NamedTime{"h", 3600}};

std::string lower(std::string_view word) {
  std::string out;
  for (char c : word) {
    if (c != '-') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

/// Words of letters, digits, '.', '-' and '%'.
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  std::size_t start = 0;
  const auto part = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-'; };
  for (std::size_t i = 0; i <= line.size(); ++i) {
    if (i < line.size() && part(line[i])) continue;
    if (i > start) words.push_back(line.substr(start, i - start));
    start = i + 1;
  }
  return words;
}

}  // namespace

std::optional<SampleUnit> sample_unit(std::string_view word) {
  for (const NamedUnit& unit : kShort) {
    if (word == unit.name) return unit.unit;
  }
  const std::string name = lower(word);
  for (const NamedUnit& unit : kLong) {
    if (name == unit.name) return unit.unit;
  }
  return std::nullopt;
}

std::optional<double> time_unit(std::string_view word) {
  const std::string name = lower(word);
  for (const NamedTime& unit : kTimes) {
    if (name == unit.name) return unit.seconds;
  }
  return std::nullopt;
}

void TraceHeader::read(std::string_view line) {
  const std::vector<std::string_view> words = words_of(line);
  any = any || !words.empty();
  const bool says_rate = lower(line).find("sample rate") != std::string::npos;
  for (std::size_t i = 0; i < words.size(); ++i) {
    // The line nearest to the numbers decides: prose above it may hold an "A".
    if (const auto found = sample_unit(words[i])) unit = found;
    const auto seconds = time_unit(words[i]);
    if (!seconds) continue;
    const auto count = says_rate && i > 0 ? parse_number(words[i - 1]) : std::nullopt;
    if (count && *count > 0 && !step_s) step_s = *count * *seconds;
    if (!time_unit_s) time_unit_s = *seconds;
  }
}

}  // namespace mj
