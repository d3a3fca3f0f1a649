// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mj {

/// Who is told how far long work has got. Libraries report to it; only the command line draws.
class Progress {
 public:
  virtual ~Progress() = default;

  /// A phase begins; `total` steps in `unit` (e.g. "images").
  virtual void begin(std::string_view phase, std::int64_t total, std::string_view unit) = 0;
  /// `done` of the total steps are behind us; `note` is a short figure to show, e.g. "loss 0.31".
  virtual void update(std::int64_t done, std::string_view note) = 0;
  /// The phase is over; `summary` stays on the screen.
  virtual void end(std::string_view summary) = 0;
  /// Something the user should know; shown once.
  virtual void warn(std::string_view message) = 0;
};

/// The observer that does nothing.
Progress& silent_progress();

/// A bar with rate and remaining time when stderr is a terminal, else a plain line every few seconds.
class TerminalProgress final : public Progress {
 public:
  TerminalProgress();
  void begin(std::string_view phase, std::int64_t total, std::string_view unit) override;
  void update(std::int64_t done, std::string_view note) override;
  void end(std::string_view summary) override;
  void warn(std::string_view message) override;

 private:
  void draw(std::int64_t done, std::string_view note);

  bool terminal_;
  std::string phase_;
  std::string unit_;
  std::int64_t total_ = 0;
  double started_ = 0;
  double last_drawn_ = 0;
};

}  // namespace mj
