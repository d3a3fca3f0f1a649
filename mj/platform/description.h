// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <toml++/toml.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mj/platform/platform.h"

namespace mj {

/// What a number of a description measures; decides its units.
enum class Dimension { kFrequency, kVoltage, kEnergy, kEnergyPerCycle, kBytes };

/// A table of a description, read key by key. Every message starts with file, line and key:
/// `msp430fr5994.toml:7: voltage: unit 'mA' is not a unit of voltage; expected V or mV`.
class Description {
 public:
  /// `prefix` is the table's own name with a dot ("kernel.conv."), for messages.
  Description(const toml::table& table, std::string where, std::string prefix = {});

  /// Throws on keys other than these, with the nearest.
  void allow(std::span<const std::string> keys) const;

  bool has(std::string_view key) const { return table_.contains(key); }
  /// Line of a key, or of the table when there is no such key.
  std::string at(std::string_view key) const;

  std::string text(std::string_view key) const;
  bool flag(std::string_view key) const;
  std::int64_t integer(std::string_view key) const;
  /// A plain number that is finite and not negative; its unit is part of the key's name.
  double amount(std::string_view key) const;
  /// A plain whole number of bytes.
  Bytes byte_count(std::string_view key) const;
  Source source(std::string_view key) const;
  Description table(std::string_view key) const;
  /// `{ value = ..., unit = "...", source = "..." }` in SI units. `voltage_v` turns a current per frequency into energy per
  /// cycle. Zero is allowed when `may_be_zero`.
  Sourced number(std::string_view key, Dimension dimension, bool may_be_zero = false, double voltage_v = 0) const;

 private:
  const toml::node& need(std::string_view key) const;

  const toml::table& table_;
  std::string where_;
  std::string prefix_;
};

}  // namespace mj
