// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/harvest/books.h"
#include "mj/harvest/power_stage.h"

namespace mj {

/// The charge of a capacitor over time, advanced from event to event in closed form.
///
/// Inside a band of the power stage the stored energy e obeys de/dt = a + b e, so e(t) is an exponential, and so are the
/// integrals of all flows, each with its own coefficients. When the cold start ends at a voltage that the main converter cannot
/// hold, both balance there: the energy stays and the flows are mixed so that their sum is zero (Filippov's solution).
class EnergyStore {
 public:
  EnergyStore(const PowerStage& stage, double start_j);

  double energy_j() const { return energy_; }
  double volts() const { return stage_.volts_at(energy_); }
  bool full() const { return energy_ >= stage_.full_j(); }

  /// What a step did.
  struct Step {
    double elapsed_s = 0;
    double load_j = 0;     ///< energy that reached the device
    bool reached = false;  ///< stopped because the stored energy came to `stop_j`
  };

  enum class Stop { kNever, kRising, kFalling };

  /// A new sample of the trace.
  void set_input(const PowerStage::Input& input);
  /// Advances by at most `duration_s`; stops early when the stored energy rises or falls to `stop_j`.
  Step advance(double duration_s, LoadPower load, Stop stop, double stop_j);

  double harvested() const { return harvested_.value(); }
  double converter() const { return converter_.value(); }
  double quiescent() const { return quiescent_.value(); }
  double leakage() const { return leakage_.value(); }
  double resistance() const { return resistance_.value(); }
  double wasted_full() const { return wasted_.value(); }

 private:
  void book(const Rates& rates, double seconds);
  void enter(std::size_t band);

  const PowerStage& stage_;
  PowerStage::Input input_;
  double energy_ = 0;
  std::size_t band_ = 0;
  // The charging at the edges of the present band, for the present sample.
  Charge low_, high_;
  bool known_ = false;
  ExactSum harvested_, converter_, quiescent_, leakage_, resistance_, wasted_;
};

}  // namespace mj
