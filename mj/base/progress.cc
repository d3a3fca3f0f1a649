// SPDX-License-Identifier: Apache-2.0
#include "mj/base/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "mj/base/clock.h"

namespace mj {
namespace {

std::string clock_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::lround(std::max(0.0, seconds)));
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

std::string rate_text(double rate) {
  return rate >= 99.5 ? fmt::format("{:.0f}", rate) : fmt::format("{:.3g}", rate);
}

class SilentProgress final : public Progress {
 public:
  void begin(std::string_view, std::int64_t, std::string_view) override {}
  void update(std::int64_t, std::string_view) override {}
  void end(std::string_view) override {}
  void warn(std::string_view) override {}
};

}  // namespace

Progress& silent_progress() {
  static SilentProgress silent;
  return silent;
}

TerminalProgress::TerminalProgress() : terminal_(::isatty(STDERR_FILENO) == 1) {}

void TerminalProgress::begin(std::string_view phase, std::int64_t total, std::string_view unit) {
  phase_ = phase;
  unit_ = unit;
  total_ = total;
  started_ = steady_seconds();
  last_drawn_ = 0;
  if (!terminal_) fmt::print(stderr, "{} ...\n", phase_);
}

void TerminalProgress::update(std::int64_t done, std::string_view note) {
  // Often enough to look alive, seldom enough to cost nothing; log files get a line every ten seconds.
  const double interval = terminal_ ? 0.1 : 10;
  const double time = steady_seconds();
  if (time - (last_drawn_ == 0 ? started_ : last_drawn_) < interval) return;
  last_drawn_ = time;
  draw(done, note);
}

void TerminalProgress::draw(std::int64_t done, std::string_view note) {
  const double elapsed = std::max(steady_seconds() - started_, 1e-9);
  const double share = total_ > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(total_), 0.0, 1.0) : 0;
  const double rate = static_cast<double>(done) / elapsed;
  const double left = rate > 0 ? static_cast<double>(total_ - done) / rate : 0;
  const std::string figures =
      fmt::format("{:3.0f} %  {} {}/s  {} left  {}", share * 100, rate_text(rate), unit_, clock_text(left), note);
  if (!terminal_) {
    fmt::print(stderr, "{}: {}\n", phase_, figures);
    return;
  }
  constexpr int kBar = 24;
  const int full = static_cast<int>(share * kBar);
  std::string bar;
  for (int i = 0; i < kBar; ++i) bar += i < full ? "█" : "░";
  fmt::print(stderr, "\r\x1b[2K{} {} {}", phase_, bar, figures);
  std::fflush(stderr);
}

void TerminalProgress::end(std::string_view summary) {
  const std::string time = clock_text(steady_seconds() - started_);
  fmt::print(stderr, "{}{}: {} ({})\n", terminal_ ? "\r\x1b[2K" : "", phase_, summary, time);
}

void TerminalProgress::warn(std::string_view message) {
  fmt::print(stderr, "{}warning: {}\n", terminal_ ? "\r\x1b[2K" : "", message);
}

}  // namespace mj
