// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace mj {

/// What the samples of a trace measure.
enum class TraceKind { kVoltage, kPower, kCurrent };

/// A stretch of constant input: seconds, and V, W or A.
struct TraceSegment {
  double duration_s = 0;
  double value = 0;
};

/// Defects that were repaired while reading; the results of a simulation carry them.
struct TraceRepairs {
  std::int64_t gaps = 0;              ///< steps far longer than the usual one, closed to one usual step
  double gap_s = 0;                   ///< time closed that way
  std::int64_t backward = 0;          ///< times that jump back or repeat; counted as one usual step
  std::int64_t not_a_number = 0;      ///< NaN or infinite; the sample before is held
  std::int64_t negative = 0;          ///< below zero; counted as zero
  std::int64_t mixed_separators = 0;  ///< rows separated otherwise than the first row of numbers

  std::int64_t count() const { return gaps + backward + not_a_number + negative + mixed_separators; }
};

/// A course of harvested energy over time, read from front to back: memory does not depend on its length.
class Trace {
 public:
  virtual ~Trace() = default;
  virtual TraceKind kind() const = 0;
  /// The next stretch; false at the end. Durations are positive, values finite and not negative.
  virtual bool next(TraceSegment& segment) = 0;
  /// Back to the start. Repairs are counted once, on the first way through.
  virtual void rewind() = 0;
  /// Whether it goes on for ever, so that a duration has to be given.
  virtual bool endless() const = 0;
  virtual TraceRepairs repairs() const { return {}; }
  /// What was taken for granted about the columns; empty when the file says it all.
  virtual std::string assumption() const { return {}; }
};

/// What a file of samples does not say itself.
struct TraceOptions {
  std::string unit;              ///< of the samples: V, mV, W, mW, uW, dBm, A, mA, uA; empty: as the header says
  std::string time_unit;         ///< s, ms, us; empty: as the header says
  std::optional<double> step_s;  ///< every row is one step of this length, whatever its time says
};

/// Opens a text file of rows `time value` or, with a fixed step, rows whose last column is the value.
///
/// Separators are tab, comma, semicolon and blanks; lines before the first row of numbers are the header, from which units
/// ("sec RSSI,mW", "time_ms,volts") and a fixed step ("Sample rate: 300 seconds") are taken. Without a header, two columns
/// with whole-numbered times are read as milliseconds and volts, the format of the Mementos traces.
///
/// Throws `Error` with the line number: text among the numbers, another number of columns, unknown units, more than half of
/// the rows in need of repair among the first thousand, no rows at all. Reading stops at such a line, not before.
std::unique_ptr<Trace> open_trace_file(const std::filesystem::path& path, const TraceOptions& options = {});

/// A made-up course: `constant:2mW`, `square:2mW,period=2s,duty=0.3`, `markov:2mW,on=5s,off=10s`, `diurnal:5mW,clouds=0.5`
/// (half a sine by day, dark by night, from midnight on, five-minute steps, each day's clouds drawn by chance). Powers may
/// also be currents (2mA) or voltages (2V). Chance starts from `seed`. Throws `Error` naming the kinds and options known.
std::unique_ptr<Trace> make_trace(std::string_view specification, std::uint64_t seed);

/// A file, or a made-up course when the text begins with the name of one and a colon.
std::unique_ptr<Trace> open_trace(const std::string& file_or_specification, const TraceOptions& options, std::uint64_t seed);

}  // namespace mj
