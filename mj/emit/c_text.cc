// SPDX-License-Identifier: Apache-2.0
#include "mj/emit/c_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "mj/base/error.h"
#include "mj/base/text.h"

namespace mj {
namespace {

constexpr std::size_t kColumns = 120;
constexpr std::size_t kLongestComment = 80;
// Strings longer than 4095 characters are beyond what C99 compilers must take; every byte may become four.
constexpr std::size_t kLongestString = 1000;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Words with ", " between them, broken into lines.
std::string filled(std::string_view start, std::span<const std::string> words, std::string_view end) {
  std::string text(start);
  std::size_t column = text.size();
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool last = i + 1 == words.size();
    const std::size_t width = words[i].size() + (last ? end.size() : 1);
    if (column + width + 1 > kColumns) {
      text += "\n    ";
      column = 4;
    } else if (i > 0) {
      text += ' ';
      ++column;
    }
    text += words[i];
    column += words[i].size();
    if (!last) {
      text += ',';
      ++column;
    }
  }
  return text.append(end);
}

template <class T>
std::string array_of(std::string_view type, std::string_view name, std::span<const T> elements) {
  MJ_CHECK(!elements.empty());
  std::vector<std::string> words;
  words.reserve(elements.size());
  for (const T element : elements) {
    MJ_CHECK(element > std::numeric_limits<std::int32_t>::min());
    words.push_back(std::to_string(element));
  }
  return filled(fmt::format("static const {} {}[{}] = {{", type, name, elements.size()), words, "};\n");
}

}  // namespace

std::string comment_text(std::string_view text) {
  constexpr std::string_view kAllowed = "_.,:;+-=()[]<>/ '@#%$!~";
  std::string safe;
  for (const char c : text.substr(0, kLongestComment)) {
    const bool allowed = is_letter(c) || is_digit(c) || kAllowed.find(c) != std::string_view::npos;
    safe += allowed ? c : '_';
  }
  return text.size() > kLongestComment ? safe + "..." : safe;
}

std::string string_literal(std::string_view text) {
  std::string literal = "\"";
  for (const char c : text.substr(0, kLongestString)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\' && c != '?';
    // Octal escapes end after three digits, whatever follows.
    literal += plain ? std::string(1, c) : fmt::format("\\{:03o}", byte);
  }
  return literal + '"';
}

std::string float_literal(float value) {
  MJ_CHECK(std::isfinite(value));
  std::string text = float_text(value);
  if (text.find_first_of(".e") == std::string::npos) {
    text += ".0";
  }
  return text + "f";
}

std::string array_definition(std::string_view type, std::string_view name, std::span<const std::int8_t> elements) {
  return array_of(type, name, elements);
}

std::string array_definition(std::string_view type, std::string_view name, std::span<const std::int32_t> elements) {
  return array_of(type, name, elements);
}

std::string struct_definition(std::string_view type, std::string_view name, const Fields& fields) {
  std::vector<std::string> words;
  for (const auto& [field, value] : fields) {
    words.push_back(fmt::format(".{} = {}", field, value));
  }
  return filled(fmt::format("static const {} {} = {{", type, name), words, "};\n");
}

std::string braces(std::span<const std::int64_t> numbers) { return fmt::format("{{{}}}", fmt::join(numbers, ", ")); }

bool is_identifier(std::string_view text) {
  static constexpr std::array<std::string_view, 95> kTaken{
      "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char",
      "char16_t", "char32_t", "char8_t", "class", "co_await", "co_return", "co_yield", "compl", "concept", "const",
      "const_cast", "consteval", "constexpr", "constinit", "continue", "decltype", "default", "delete", "do", "double",
      "dynamic_cast", "else", "enum", "explicit", "export", "extern", "false", "float", "for", "friend", "goto", "if",
      "inline", "int", "long", "main", "mutable", "namespace", "new", "noexcept", "not", "not_eq", "nullptr", "operator",
      "or", "or_eq", "private", "protected", "public", "register", "reinterpret_cast", "requires", "restrict", "return",
      "short", "signed", "sizeof", "static", "static_assert", "static_cast", "struct", "switch", "template", "this",
      "thread_local", "throw", "true", "try", "typedef", "typeid", "typename", "typeof", "union", "unsigned", "using",
      "virtual", "void", "volatile", "wchar_t", "while", "xor", "xor_eq"};
  const bool well_formed = !text.empty() && !is_digit(text[0]) &&
                           std::ranges::all_of(text, [](char c) { return is_letter(c) || is_digit(c); });
  // Names that begin with an underscore belong to the compiler, those with mj_ to the runtime.
  const bool reserved = text.starts_with('_') || text.starts_with("mj_");
  return well_formed && !reserved && text.size() <= 63 && std::ranges::find(kTaken, text) == kTaken.end();
}

}  // namespace mj
