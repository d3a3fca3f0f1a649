// SPDX-License-Identifier: Apache-2.0
#include "mj/platform/measurements.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/text.h"

namespace mj {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

/// A header and rows of as many cells; blank lines are left out.
struct Rows {
  std::string where;
  std::vector<std::string_view> header;
  std::vector<std::vector<std::string_view>> rows;
  std::vector<std::size_t> lines;  ///< of each row, from 1

  Rows(std::string_view text, std::string_view name, std::string_view separators) : where(name) {
    char separator = 0;
    for (std::size_t line = 1; !text.empty(); ++line) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      const std::string_view whole = trimmed(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
      if (whole.empty()) continue;
      if (separator == 0) {
        const auto found = std::ranges::find_if(separators, [&](char c) { return whole.find(c) != whole.npos; });
        separator = found == separators.end() ? separators.front() : *found;
      }
      std::vector<std::string_view> cells;
      for (std::size_t begin = 0; begin <= whole.size();) {
        const std::size_t stop = std::min(whole.find(separator, begin), whole.size());
        cells.push_back(trimmed(whole.substr(begin, stop - begin)));
        begin = stop + 1;
      }
      if (header.empty()) {
        header = cells;
      } else {
        if (cells.size() != header.size()) {
          fail("{}:{}: {} cells; expected {}, as in the header", where, line, cells.size(), header.size());
        }
        rows.push_back(cells);
        lines.push_back(line);
      }
    }
    if (header.empty()) fail("{}: empty; expected a header and rows", where);
  }

  bool has(std::string_view name) const { return std::ranges::find(header, name) != header.end(); }
  std::size_t column(std::string_view name) const {
    const auto found = std::ranges::find(header, name);
    if (found == header.end()) fail("{}: no column '{}'; found {}", where, name, fmt::join(header, ", "));
    return static_cast<std::size_t>(found - header.begin());
  }
  double number(std::size_t row, std::size_t column) const {
    const std::string_view cell = rows[row][column];
    const std::optional<double> value = parse_number(cell);
    if (!value || !std::isfinite(*value)) {
      fail("{}:{}: '{}' in column '{}' is not a number", where, lines[row], cell, header[column]);
    }
    return *value;
  }
  std::int64_t count(std::size_t row, std::size_t column) const { return positive(row, column, rows[row][column]); }
  Shape shape(std::size_t row, std::size_t column) const {
    Shape shape;
    std::string_view cell = rows[row][column];
    for (bool more = true; more;) {
      const std::size_t cross = cell.find('x');
      shape.push_back(positive(row, column, cell.substr(0, cross)));
      more = cross != cell.npos;
      if (more) cell.remove_prefix(cross + 1);
    }
    return shape;
  }

 private:
  std::int64_t positive(std::size_t row, std::size_t column, std::string_view digits) const {
    const std::optional<std::int64_t> value = parse_integer(digits);
    if (!value || *value < 1 || *value > 1'000'000) {
      fail("{}:{}: '{}' in column '{}' is not {}", where, lines[row], rows[row][column], header[column],
           header[column] == "input" ? "a size such as 224x224x3" : "a positive whole number");
    }
    return *value;
  }
};

/// The column `NAME_UNIT` and what its unit is in SI.
std::pair<std::size_t, double> column_with_unit(const Rows& rows, std::string_view name,
                                                std::span<const std::pair<std::string_view, double>> units) {
  for (std::size_t c = 0; c < rows.header.size(); ++c) {
    if (!rows.header[c].starts_with(name)) continue;
    const std::string_view unit = rows.header[c].substr(name.size());
    for (const auto& [known, factor] : units) {
      if (unit == known) return {c, factor};
    }
  }
  std::vector<std::string> expected;
  for (const auto& [known, factor] : units) expected.push_back(std::string(name) + std::string(known));
  fail("{}: no column {}; found {}", rows.where, fmt::join(expected, " or "), fmt::join(rows.header, ", "));
}

constexpr std::pair<std::string_view, double> kEnergies[] = {{"J", 1}, {"mJ", 1e-3}, {"uJ", 1e-6}};
constexpr std::pair<std::string_view, double> kTimes[] = {{"s", 1}, {"ms", 1e-3}, {"us", 1e-6}};
constexpr double kLeastWatts = 1e-6, kMostWatts = 1e4;

}  // namespace

std::vector<Measurement> parse_measurements(std::string_view text, std::string_view where) {
  const Rows rows(text, where, ",;");
  const std::size_t model = rows.column("model");
  const auto [energy, joules] = column_with_unit(rows, "energy_", kEnergies);
  const auto [time, seconds] = column_with_unit(rows, "time_", kTimes);
  std::vector<Measurement> measurements;
  for (std::size_t r = 0; r < rows.rows.size(); ++r) {
    const double e = rows.number(r, energy) * joules, t = rows.number(r, time) * seconds;
    if (!(e > 0) || !(t > 0)) fail("{}:{}: energy and time must be positive", rows.where, rows.lines[r]);
    if (e / t < kLeastWatts || e / t > kMostWatts) {
      fail("{}:{}: {:.3g} J in {:.3g} s are {:.3g} W; expected 1e-06 to 10000 W: are the units or columns swapped?", rows.where,
           rows.lines[r], e, t, e / t);
    }
    measurements.push_back({.model = std::string(rows.rows[r][model]), .energy = Joules{e}, .time = Seconds{t}});
    if (rows.has("input")) measurements.back().input = rows.shape(r, rows.column("input"));
    if (rows.has("classes")) measurements.back().classes = rows.count(r, rows.column("classes"));
  }
  if (measurements.size() < 3) {
    fail("{}: {} rows; expected at least 3 measured models", rows.where, measurements.size());
  }
  return measurements;
}

std::vector<Measurement> read_measurements(const std::filesystem::path& path) {
  return parse_measurements(read_text(path), path.string());
}

PowerRun integrate_power(std::string_view trace, std::string_view trace_name, std::string_view times,
                         std::string_view times_name, const std::vector<std::string>& rails) {
  const Rows instants(times, times_name, ";,");
  if (instants.header.size() != 2 || instants.rows.size() != 1) {
    fail("{}: {} rows of {} cells; expected one row 'start;end'", times_name, instants.rows.size(), instants.header.size());
  }
  const double start = instants.number(0, 0), end = instants.number(0, 1);
  if (!(end > start)) fail("{}:{}: the end {} is not after the start {}", times_name, instants.lines[0], end, start);
  const Rows rows(trace, trace_name, ";,");
  const std::size_t clock = rows.column("Timestamp");
  std::vector<std::size_t> columns;
  for (const std::string& rail : rails) columns.push_back(rows.column(rail));
  PowerRun run{{}, Seconds{end - start}, 0};
  const std::size_t count = rows.rows.size();
  double before = 0;
  for (std::size_t r = 0; r < count; ++r) {
    const double now = rows.number(r, clock);
    if (r > 0 && !(now > before)) fail("{}:{}: the time {} is not after the one before", trace_name, rows.lines[r], rows.rows[r][clock]);
    if (now >= start && now <= end) {
      const double earlier = r > 0 ? before : now, later = r + 1 < count ? rows.number(r + 1, clock) : now;
      for (std::size_t column : columns) run.energy += Joules{rows.number(r, column) * 1e-3 * (later - earlier) / 2};
      ++run.samples;
    }
    before = now;
  }
  if (run.samples < 2) {
    fail("{}: {} samples between start and end of {}; expected at least 2", trace_name, run.samples, times_name);
  }
  if (count > 0 && (rows.number(0, clock) > start || before < end)) {
    fail("{}: the run of {} is not wholly inside the trace", trace_name, times_name);
  }
  return run;
}

}  // namespace mj
