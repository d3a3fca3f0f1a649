// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "mj/harvest/energy_store.h"
#include "mj/harvest/trace_cursor.h"

namespace mj {

/// What feeds a device on harvested energy: a trace charges the capacitor, and a supervisor switches the device on when the
/// terminals reach turn-on and off when they have fallen to turn-off, each after the comparator's delay; at brown-out the
/// device dies at once. What the device does in between is the caller's.
class Supply {
 public:
  /// `duration_s`: the trace is repeated or cut to this; 0: the trace once. `highest_load_w` is the most the device ever draws.
  Supply(const PowerStage& stage, Trace& trace, double duration_s, double start_v, double highest_load_w);

  enum class Event {
    kNone,
    kOn,   ///< the device is switched on
    kOff,  ///< its power is gone
  };
  struct Step {
    double seconds = 0;
    double load_j = 0;    ///< that reached the device
    double before_j = 0;  ///< stored at its beginning
    Event event = Event::kNone;  ///< at its end
  };

  /// Goes on by at most `limit_s` while a device that is on draws `load_w`, to the next event or the next sample of the trace;
  /// nothing at the trace's end. A `proven` caller knows that no cut can come, as `safe_s` says.
  std::optional<Step> step(double limit_s, LoadPower load_w, bool proven = false);

  bool on() const { return mode_ == Mode::kOn; }
  /// For so long no cut is possible, whatever the trace brings after the present sample.
  double safe_s();
  double stored_j() const { return store_.energy_j(); }
  /// Stored above turn-off.
  double usable_j() const { return store_.energy_j() - floor_j_; }
  const EnergyStore& store() const { return store_; }
  const TraceCursor& cursor() const { return cursor_; }

 private:
  enum class Mode { kOff, kTurningOn, kOn };

  bool next_input();
  void settle(LoadPower load_w, bool proven);
  Event threshold();
  void enter(Mode mode);

  const PowerStage& stage_;
  const Harvester& harvester_;
  TraceCursor cursor_;
  EnergyStore store_;
  PowerStage::Input input_;
  double floor_j_ = 0, delay_s_ = 0, highest_load_w_ = 0, most_drawn_w_ = 0, most_lost_w_ = 0;

  Mode mode_ = Mode::kOff;
  double turning_on_s_ = 0;  ///< until the comparator has acted
  bool doomed_ = false;      ///< below turn-off, the comparator has not acted yet
  double doom_s_ = 0;

  // Where the present mode ends early; of this load.
  bool stop_known_ = false;
  EnergyStore::Stop stop_ = EnergyStore::Stop::kNever;
  double stop_j_ = 0;
  LoadPower load_w_ = 0;
  bool proven_ = false;

  bool least_known_ = false;
  double least_w_ = 0, off_j_ = 0;
};

}  // namespace mj
