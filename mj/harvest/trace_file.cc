// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/harvest/line_reader.h"
#include "mj/harvest/trace.h"
#include "mj/harvest/trace_header.h"

namespace mj {
namespace {

constexpr std::size_t kMostColumns = 2;
constexpr std::size_t kProbedRows = 1000;
constexpr double kGapSteps = 10;
/// No harvester of a device that counts microjoules gives more (W, V or A).
constexpr double kMostInput = 1e6;
constexpr std::string_view kSeparators = "\t ,;";

/// The numbers of one row.
struct Row {
  std::array<double, kMostColumns> column{};
  std::size_t columns = 0;  ///< may exceed what is kept
  char separator = 0;       ///< the strongest of ; , tab blank; 0 in a row of one column
  std::string_view strange;  ///< the first field that is no number
};

Row split(std::string_view line) {
  Row row;
  std::size_t at = 0;
  while ((at = line.find_first_not_of(kSeparators, at)) != std::string_view::npos) {
    const std::size_t stop = std::min(line.find_first_of(kSeparators, at), line.size());
    const std::string_view field = line.substr(at, stop - at);
    const auto number = parse_number(field.starts_with('+') ? field.substr(1) : field);
    if (!number && row.strange.empty()) row.strange = field;
    if (row.columns < kMostColumns) row.column[row.columns] = number.value_or(0);
    ++row.columns;
    at = stop;
  }
  if (row.columns > 1) {
    for (char separator : {';', ',', '\t', ' '}) {
      if (line.find(separator) == std::string_view::npos) continue;
      row.separator = separator;
      break;
    }
  }
  return row;
}

bool blank_or_comment(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t");
  return first == std::string_view::npos || line[first] == '#';
}

class TraceFile final : public Trace {
 public:
  TraceFile(const std::filesystem::path& path, const TraceOptions& options) : lines_(path) {
    settle_units(options);
    probe();
    rewind();
    repairs_ = {};
  }

  TraceKind kind() const override { return unit_.kind; }
  bool endless() const override { return false; }
  TraceRepairs repairs() const override { return repairs_; }
  std::string assumption() const override { return assumption_; }

  void rewind() override {
    counted_ = counted_ || finished_;
    lines_.rewind();
    for (std::int64_t i = 0; i < header_lines_; ++i) lines_.next(line_);
    started_ = finished_ = false;
    held_ = 0;
  }

  bool next(TraceSegment& segment) override {
    if (finished_) return false;
    if (!started_) {
      started_ = true;
      if (!read_row(ahead_)) return finish();
      ahead_value_ = value_of(ahead_);
    }
    if (pending_end_) return finish();
    segment.value = ahead_value_;
    const double time = ahead_.column[0];
    if (read_row(ahead_)) {
      segment.duration_s = fixed_ ? step_s_ : duration(time, ahead_.column[0]);
      ahead_value_ = value_of(ahead_);
    } else {
      segment.duration_s = step_s_;
      pending_end_ = true;
    }
    return true;
  }

 private:
  bool finish() {
    finished_ = true;
    pending_end_ = false;
    return false;
  }

  void settle_units(const TraceOptions& options) {
    TraceHeader header;
    Row first;
    bool found = false;
    while (lines_.next(line_)) {
      if (!blank_or_comment(line_)) first = split(line_);
      found = !blank_or_comment(line_) && first.strange.empty();
      if (found) break;
      header.read(line_);
      header_lines_ = lines_.number();
    }
    if (!found) fail("{}: no rows of numbers; expected time and voltage, power or current", lines_.name());
    columns_ = first.columns;
    separator_ = first.separator;
    if (options.step_s) header.step_s = options.step_s;
    if (!options.unit.empty()) {
      header.unit = sample_unit(options.unit);
      if (!header.unit) fail("trace unit '{}' is not known; expected one of {}", options.unit, kSampleUnits);
    }
    if (!options.time_unit.empty()) {
      header.time_unit_s = time_unit(options.time_unit);
      if (!header.time_unit_s) fail("time unit '{}' is not known; expected one of {}", options.time_unit, kTimeUnits);
    }
    if (columns_ > kMostColumns) refuse_columns(first);
    fixed_ = header.step_s.has_value();
    if (fixed_) step_s_ = *header.step_s;
    if (columns_ == 1 && !fixed_) {
      fail("{}:{}: one number; expected time and value, or a fixed step given for the whole file", lines_.name(),
           lines_.number());
    }
    const bool whole_times = columns_ == 2 && first.column[0] == std::floor(first.column[0]);
    if (!header.any && !header.unit && !header.time_unit_s && !fixed_ && whole_times) {
      header.unit = SampleUnit{TraceKind::kVoltage, 1};
      header.time_unit_s = 1e-3;
      assumption_ = "no header: columns read as milliseconds and volts";
    }
    if (!header.unit) {
      fail("{}: nothing says what the samples measure; expected a unit in the header or given: {}", lines_.name(),
           kSampleUnits);
    }
    if (!fixed_ && !header.time_unit_s) {
      fail("{}: nothing says the unit of the times; expected it in the header or given: {}", lines_.name(), kTimeUnits);
    }
    unit_ = *header.unit;
    time_unit_s_ = header.time_unit_s.value_or(1);
  }

  /// The usual step is the median of the first ones; a file that is mostly defects is refused.
  void probe() {
    rewind();
    std::vector<double> steps;
    std::size_t rows = 0;
    Row row, last;
    while (rows < kProbedRows && read_row(row)) {
      const double step = (row.column[0] - last.column[0]) * time_unit_s_;
      if (rows > 0 && step > 0 && std::isfinite(step)) steps.push_back(step);
      value_of(row);
      last = row;
      ++rows;
    }
    if (!fixed_) {
      if (steps.size() * 2 < rows || steps.empty()) {
        fail("{}: the times of {} rows rise {} times; expected a time in the first column", lines_.name(), rows,
             steps.size());
      }
      std::nth_element(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2), steps.end());
      step_s_ = steps[steps.size() / 2];
    }
    if (static_cast<std::size_t>(repairs_.not_a_number + repairs_.negative) * 2 > rows) {
      fail("{}: {} of the first {} samples are not numbers or below zero; expected a trace of harvested energy",
           lines_.name(), repairs_.not_a_number + repairs_.negative, rows);
    }
  }

  [[noreturn]] void refuse_columns(const Row& row) {
    fail("{}:{}: {} numbers in a row; expected {}; decimal commas are not read", lines_.name(), lines_.number(), row.columns,
         columns_ > kMostColumns ? "time and value" : std::to_string(columns_));
  }

  bool read_row(Row& row) {
    do {
      if (!lines_.next(line_)) return false;
    } while (blank_or_comment(line_));
    row = split(line_);
    if (!row.strange.empty()) {
      fail("{}:{}: '{}' is not a number; expected rows of numbers to the end of the file", lines_.name(), lines_.number(),
           row.strange.substr(0, 40));
    }
    if (row.columns != columns_) refuse_columns(row);
    if (row.separator != separator_) note(repairs_.mixed_separators);
    return true;
  }

  double duration(double from, double to) {
    const double step = (to - from) * time_unit_s_;
    if (std::isnan(step)) return note(repairs_.not_a_number), step_s_;
    if (step <= 0) return note(repairs_.backward), step_s_;
    if (step > kGapSteps * step_s_) {
      note(repairs_.gaps);
      if (!counted_ && std::isfinite(step)) repairs_.gap_s += step - step_s_;
      return step_s_;
    }
    return step;
  }

  double value_of(const Row& row) {
    const double raw = row.column[columns_ - 1];
    if (!std::isfinite(raw)) return note(repairs_.not_a_number), held_;
    double value = unit_.decibel ? 1e-3 * std::pow(10, raw / 10) : raw * unit_.factor;
    if (value < 0) note(repairs_.negative), value = 0;
    if (!(value <= kMostInput)) {
      fail("{}:{}: a sample of {} in SI units; expected less than {}", lines_.name(), lines_.number(), number_text(value),
           number_text(kMostInput));
    }
    return held_ = value;
  }

  void note(std::int64_t& count) { count += counted_ ? 0 : 1; }

  LineReader lines_;
  std::string_view line_;
  std::int64_t header_lines_ = 0;
  std::size_t columns_ = 0;
  char separator_ = 0;
  SampleUnit unit_;
  double time_unit_s_ = 1;
  bool fixed_ = false;
  double step_s_ = 0;
  std::string assumption_;

  Row ahead_;
  double ahead_value_ = 0;
  double held_ = 0;
  bool started_ = false, pending_end_ = false, finished_ = false;
  bool counted_ = false;
  TraceRepairs repairs_;
};

}  // namespace

std::unique_ptr<Trace> open_trace_file(const std::filesystem::path& path, const TraceOptions& options) {
  return std::make_unique<TraceFile>(path, options);
}

}  // namespace mj
