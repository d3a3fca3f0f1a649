// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mj {

/// A float as text that reads back to the same float: `%.9g`, independent of the locale; "inf", "-inf", "nan".
std::string float_text(float value);
/// A double for JSON and tables, `%.9g`.
std::string number_text(double value);
/// Parses a whole decimal number, the inverse of the two above; nothing when `text` is not exactly a number.
std::optional<double> parse_number(std::string_view text);
std::optional<std::int64_t> parse_integer(std::string_view text);

/// The number that `number_text` writes.
double rounded(double value);

/// 0.1234 as "12.34 %".
std::string percent(double share, int decimals = 2);

/// 1234567 as "1,234,567".
std::string thousands(std::int64_t value);

/// The candidate with the smallest edit distance to `word`, if any is close enough to be a likely slip of the fingers.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

/// Lines of cells as an aligned table: the first column left, the others right, two spaces between; header underlined.
std::string table_text(std::span<const std::string> header, std::span<const std::vector<std::string>> rows);

}  // namespace mj
