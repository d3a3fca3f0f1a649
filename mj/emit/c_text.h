// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mj {

/// Text from outside (layer and class names) made safe inside a C comment: printable ASCII without what could end the
/// comment, continue the line or form a trigraph; anything else is "_", and long names are cut.
std::string comment_text(std::string_view text);

/// Text from outside as a C string literal with quotes: the same bytes on every compiler, whatever they are.
std::string string_literal(std::string_view text);

/// A float as a C constant of type float that reads back to the same float; finite.
std::string float_literal(float value);

/// `static const TYPE NAME[N] = {...};` in lines of at most 120 columns. No element may be the lowest of 32 bits, which C
/// cannot write as a constant.
std::string array_definition(std::string_view type, std::string_view name, std::span<const std::int8_t> elements);
std::string array_definition(std::string_view type, std::string_view name, std::span<const std::int32_t> elements);

/// The initialiser `{.field = value, ...}` in lines of at most 120 columns, the first beginning at `column`.
using Fields = std::vector<std::pair<std::string, std::string>>;
std::string struct_definition(std::string_view type, std::string_view name, const Fields& fields);

/// "{1, 2, 3}".
std::string braces(std::span<const std::int64_t> numbers);

/// Whether the text is an identifier of C and C++ that no keyword and no reserved name takes.
bool is_identifier(std::string_view text);

}  // namespace mj
