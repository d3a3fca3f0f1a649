// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mj {

/// A table of a TOML file that is read key by key; whatever was not asked for is refused by `finish`.
///
/// Every getter throws `Error` with file, line and key: `spec.toml:4: 'energy' in [budget] is an integer; expected text,
/// e.g. "3 mJ"`. Getters without a default throw when the key is missing.
class TomlTable {
 public:
  /// Parses text; `name` stands in messages. Syntax errors carry the line.
  static TomlTable parse(std::string_view text, std::string name);
  static TomlTable read(const std::filesystem::path& path);

  bool has(std::string_view key);
  /// Whether the key is there and holds text: for values that are a number or a word.
  bool holds_text(std::string_view key);
  std::string text(std::string_view key);
  std::string text(std::string_view key, std::string_view otherwise);
  double number(std::string_view key);
  double number(std::string_view key, double otherwise);
  std::int64_t integer(std::string_view key);
  std::int64_t integer(std::string_view key, std::int64_t otherwise);
  bool boolean(std::string_view key, bool otherwise);
  std::vector<std::string> texts(std::string_view key);
  /// A list of finite numbers; throws when it is missing.
  std::vector<double> numbers(std::string_view key);
  /// The table under `key`; when missing, an empty one (its required keys then say what is missing).
  TomlTable table(std::string_view key);
  /// The keys of this table, sorted.
  std::vector<std::string> keys() const;

  /// "spec.toml:4" for the key, or for the table itself when the key is missing or empty.
  std::string where(std::string_view key = {}) const;

  /// Throws the `Error` of a key that is not there: `spec.toml:3: unknown key 'energie' in [budget]; did you mean 'energy'?`
  /// when a key that nothing has asked for looks like it, else that it is missing and what was expected.
  [[noreturn]] void missing(std::string_view key, std::string_view expected) const;

  /// Throws `Error` for the first key that no getter asked for, with the nearest one that was asked for.
  void finish() const;

 private:
  struct State;
  explicit TomlTable(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace mj
