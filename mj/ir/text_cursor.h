// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "mj/base/error.h"

namespace mj {

/// Reads the words, numbers and strings of one line of the text form; blanks between them do not matter. Every reader
/// throws `Error` that says what was expected and what stands there.
class TextCursor {
 public:
  explicit TextCursor(std::string_view line) : rest_(line) { skip_blanks(); }

  bool done() const { return rest_.empty(); }
  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }

  bool accept(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    skip_blanks();
    return true;
  }
  void expect(char c) {
    if (!accept(c)) refuse(fmt::format("'{}'", c));
  }
  void expect_end() const {
    if (!done()) refuse("the end of the line");
  }

  /// A name: letters, digits and underscores.
  std::string_view word(std::string_view expected) {
    std::size_t n = 0;
    while (n < rest_.size() && is_word(rest_[n])) ++n;
    if (n == 0 || n > kLongestWord) refuse(expected);
    return take(n);
  }

  /// A whole number that T holds, or (for float) a real number, "inf" and "nan" included.
  template <class T>
  T number(std::string_view expected) {
    std::size_t n = 0;
    while (n < rest_.size() && is_number(rest_[n])) ++n;
    T value{};
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + n, value);
    if (n == 0 || error == std::errc::invalid_argument || end != rest_.data() + n) refuse(expected);
    if (error != std::errc()) fail("{} is out of range; expected {}", excerpt(), expected);
    take(n);
    return value;
  }

  std::int32_t value_id() {
    expect('%');
    return number<std::int32_t>("the number of a value");
  }

  /// A quoted string; \" \\ \n and \xHH stand for what they do in C.
  std::string string(std::string_view expected) {
    if (peek() != '"') refuse(expected);
    std::string out;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      const char c = rest_[i];
      if (c == '"') {
        take(i + 1);
        return out;
      }
      out += c == '\\' ? escape(i) : c;
    }
    fail("string {} is not closed", excerpt());
  }

  [[noreturn]] void refuse(std::string_view expected) const { fail("expected {}, found {}", expected, excerpt()); }

 private:
  static constexpr std::size_t kLongestWord = 128;  // nothing the form knows comes near; keeps messages short

  static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  }
  static bool is_number(char c) { return is_word(c) || c == '-' || c == '+' || c == '.'; }

  /// The byte that the escape at `i` stands for; `i` moves to its last character.
  char escape(std::size_t& i) const {
    const std::string_view after = rest_.substr(i + 1);
    if (after.starts_with('"') || after.starts_with('\\')) return rest_[++i];
    if (after.starts_with('n')) return ++i, '\n';
    unsigned byte = 0;
    if (after.size() >= 3 && after[0] == 'x' &&
        std::from_chars(after.data() + 1, after.data() + 3, byte, 16).ptr == after.data() + 3) {
      return i += 3, static_cast<char>(byte);
    }
    fail("unknown escape in string {}", excerpt());
  }

  std::string_view take(std::size_t n) {
    const std::string_view taken = rest_.substr(0, n);
    rest_.remove_prefix(n);
    skip_blanks();
    return taken;
  }

  void skip_blanks() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t' || rest_.front() == '\r')) {
      rest_.remove_prefix(1);
    }
  }

  /// What stands at the cursor, cut short and without bytes that a terminal might act upon.
  std::string excerpt() const {
    if (rest_.empty()) return "the end of the line";
    constexpr std::size_t kLongest = 24;
    std::string shown(rest_.substr(0, kLongest));
    for (char& c : shown) {
      if (c < 0x20 || c == 0x7f) c = '?';
    }
    return fmt::format("'{}{}'", shown, rest_.size() > kLongest ? "..." : "");
  }

  std::string_view rest_;
};

}  // namespace mj
