// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

namespace mj {

/// A sum that loses nothing to rounding over billions of small terms (Neumaier 1974).
class ExactSum {
 public:
  void operator+=(double term) {
    const double sum = sum_ + term;
    carry_ += std::fabs(sum_) >= std::fabs(term) ? (sum_ - sum) + term : (term - sum) + sum_;
    sum_ = sum;
  }
  double value() const { return sum_ + carry_; }

 private:
  double sum_ = 0;
  double carry_ = 0;
};

/// Where the energy of a run came from and went, in joules. Every entry is integrated by itself; none is a remainder.
struct EnergyBooks {
  double stored_start = 0;
  double harvested = 0;    ///< taken at the terminals of the source
  double converter = 0;    ///< lost in charging and in the converter to the device
  double quiescent = 0;    ///< drawn by converter and supervisor
  double leakage = 0;
  double resistance = 0;   ///< lost in the capacitor's series resistance
  double wasted_full = 0;  ///< could not be stored because the capacitor was full
  double useful = 0;       ///< work units completed, with their commits
  double re_executed = 0;  ///< work units cut, to be done again
  double unfinished = 0;   ///< the unit under way at the end
  double boot = 0;
  double sleep = 0;
  double stored_end = 0;

  double in() const { return stored_start + harvested; }
  double out() const {
    return converter + quiescent + leakage + resistance + wasted_full + useful + re_executed + unfinished + boot + sleep +
           stored_end;
  }
  /// |in - out| / in; 0 when nothing came in.
  double balance_error() const { return in() > 0 ? std::fabs(in() - out()) / in() : std::fabs(out()); }
};

}  // namespace mj
