// SPDX-License-Identifier: Apache-2.0
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <vector>

#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/base/text.h"
#include "mj/base/units.h"
#include "mj/harvest/trace.h"

namespace mj {
namespace {

constexpr std::int64_t kDaySteps = 288;  ///< five minutes each
constexpr double kDayStep = 300;
constexpr double kShortestStep = 1e-6;

/// The course of a made-up trace: segment `index` as a function of the seed alone.
struct Course {
  std::string name;
  double amplitude = 0;
  TraceKind kind = TraceKind::kPower;
  std::map<std::string, std::string> options;
  double period_s = 0, duty = 0.5, on_s = 0, off_s = 0, clouds = 0;
};

class SyntheticTrace final : public Trace {
 public:
  SyntheticTrace(Course course, std::uint64_t seed) : course_(std::move(course)), seed_(seed) {}
  TraceKind kind() const override { return course_.kind; }
  bool endless() const override { return true; }
  void rewind() override { index_ = 0; }

  bool next(TraceSegment& segment) override {
    const auto i = static_cast<std::uint64_t>(index_++);
    if (course_.name == "constant") {
      segment = {kDayStep, course_.amplitude};
    } else if (course_.name == "square") {
      const bool on = i % 2 == 0;
      segment = {course_.period_s * (on ? course_.duty : 1 - course_.duty), on ? course_.amplitude : 0};
    } else if (course_.name == "markov") {
      const bool on = i % 2 == 0;
      // Memoryless stays: the continuous form of a two-state Markov chain.
      const double stay = -std::log(1 - RandomStream(seed_, i).uniform()) * (on ? course_.on_s : course_.off_s);
      segment = {std::max(stay, kShortestStep), on ? course_.amplitude : 0};
    } else {
      segment = {kDayStep, course_.amplitude * daylight(index_ - 1)};
    }
    return true;
  }

 private:
  /// Half a sine from six to eighteen hours; a share of each day's and each hour's light is taken by clouds.
  double daylight(std::int64_t step) const {
    const std::int64_t day = step / kDaySteps;
    const double hour = static_cast<double>(step % kDaySteps) * 24.0 / kDaySteps;
    const double sun = std::max(0.0, std::sin((hour - 6) / 12 * std::numbers::pi));
    const double whole_day = RandomStream(seed_, static_cast<std::uint64_t>(day), 1).uniform();
    const double this_hour = RandomStream(seed_, static_cast<std::uint64_t>(day * 24) + static_cast<std::uint64_t>(hour), 2).uniform();
    return sun * (1 - course_.clouds * (whole_day + this_hour) / 2);
  }

  Course course_;
  std::uint64_t seed_;
  std::int64_t index_ = 0;
};

const std::map<std::string, std::vector<std::string>, std::less<>>& courses() {
  static const std::map<std::string, std::vector<std::string>, std::less<>> kCourses = {
      {"constant", {}}, {"square", {"period", "duty"}}, {"markov", {"on", "off"}}, {"diurnal", {"clouds"}}};
  return kCourses;
}

void set_amplitude(Course& course, const std::string& text) {
  if (text.ends_with('V')) {
    course.kind = TraceKind::kVoltage;
    course.amplitude = parse_voltage(text);
  } else if (text.ends_with('A')) {
    course.kind = TraceKind::kCurrent;
    course.amplitude = parse_current(text);
  } else {
    course.amplitude = parse_power(text);
  }
}

double share(const std::string& text, const std::string& name) {
  const auto value = parse_number(text);
  if (!value || !(*value >= 0 && *value <= 1)) fail("'{}' is '{}'; expected a number from 0 to 1", name, text);
  return *value;
}

double stay(const std::string& text, const std::string& name) {
  const double seconds = parse_time(text).value;
  if (seconds < kShortestStep) fail("'{}' is '{}'; expected at least 1 us", name, text);
  return seconds;
}

}  // namespace

std::unique_ptr<Trace> make_trace(std::string_view specification, std::uint64_t seed) {
  return with_context(fmt::format("trace '{}'", specification), [&]() -> std::unique_ptr<Trace> {
    const std::size_t colon = specification.find(':');
    Course course{.name = std::string(specification.substr(0, colon))};
    const auto known = courses().find(course.name);
    if (known == courses().end() || colon == std::string_view::npos) {
      fail("'{}' is no made-up course; expected constant, square, markov or diurnal and a colon", course.name);
    }
    std::string_view rest = specification.substr(colon + 1);
    for (bool first = true; first || !rest.empty(); first = false) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      const std::string field(rest.substr(0, comma));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      if (first) {
        set_amplitude(course, field);
        continue;
      }
      const std::size_t equals = field.find('=');
      const std::string name = field.substr(0, equals);
      if (equals == std::string::npos || std::ranges::find(known->second, name) == known->second.end()) {
        fail("unknown option '{}'; known: {}", name, known->second.empty() ? "none" : fmt::format("{}", fmt::join(known->second, ", ")));
      }
      course.options[name] = field.substr(equals + 1);
    }
    const auto option = [&](const char* name, const char* otherwise) {
      const auto found = course.options.find(name);
      return found == course.options.end() ? std::string(otherwise) : found->second;
    };
    course.period_s = stay(option("period", "1 s"), "period");
    course.duty = share(option("duty", "0.5"), "duty");
    if (course.name == "square" && (course.duty <= 0 || course.duty >= 1)) {
      fail("'duty' is '{}'; expected more than 0 and less than 1", option("duty", "0.5"));
    }
    course.on_s = stay(option("on", "1 s"), "on");
    course.off_s = stay(option("off", "1 s"), "off");
    course.clouds = share(option("clouds", "0"), "clouds");
    return std::make_unique<SyntheticTrace>(std::move(course), seed);
  });
}

std::unique_ptr<Trace> open_trace(const std::string& file_or_specification, const TraceOptions& options, std::uint64_t seed) {
  const std::size_t colon = file_or_specification.find(':');
  const bool made_up = colon != std::string::npos && courses().contains(file_or_specification.substr(0, colon));
  return made_up ? make_trace(file_or_specification, seed) : open_trace_file(file_or_specification, options);
}

}  // namespace mj
