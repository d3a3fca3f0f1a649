// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include "mj/base/error.h"
#include "mj/harvest/trace.h"

namespace mj {

/// Walks through a trace: joins neighbours of equal value, repeats it and cuts it to a duration (0: once).
class TraceCursor {
 public:
  TraceCursor(Trace& trace, double duration_s) : trace_(trace), repeat_(duration_s > 0), remaining_(duration_s > 0 ? duration_s : HUGE_VAL) {
    trace_.rewind();
  }

  double value() const { return now_.value; }
  /// Seconds that the present value still holds.
  double left() const { return now_.duration_s; }
  void pass(double seconds) { now_.duration_s = seconds >= now_.duration_s ? 0 : now_.duration_s - seconds; }
  std::int64_t segments() const { return segments_; }
  TraceRepairs repairs() const { return trace_.repairs(); }

  /// The next stretch; false at the end.
  bool next() {
    if (remaining_ <= 0 || !fetch()) return false;
    now_ = ahead_;
    have_ahead_ = false;
    while (now_.duration_s < remaining_ && now_.duration_s < kLongest && fetch() && ahead_.value == now_.value) {
      now_.duration_s += ahead_.duration_s;
      have_ahead_ = false;
    }
    if (now_.duration_s >= remaining_) now_.duration_s = remaining_;
    remaining_ -= now_.duration_s;
    return true;
  }

 private:
  static constexpr double kLongest = 1e6;

  bool fetch() {
    if (have_ahead_) return true;
    if (!trace_.next(ahead_)) {
      if (!repeat_) return false;
      trace_.rewind();
      if (!trace_.next(ahead_)) fail("the trace is empty");
    }
    ++segments_;
    return have_ahead_ = true;
  }

  Trace& trace_;
  bool repeat_;
  double remaining_;
  TraceSegment now_, ahead_;
  bool have_ahead_ = false;
  std::int64_t segments_ = 0;
};

}  // namespace mj
