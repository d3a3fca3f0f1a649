// SPDX-License-Identifier: Apache-2.0
#include "mj/harvest/supply.h"

#include <algorithm>
#include <cmath>

namespace mj {

Supply::Supply(const PowerStage& stage, Trace& trace, double duration_s, double start_v, double highest_load_w)
    : stage_(stage), harvester_(stage.harvester()), cursor_(trace, duration_s), store_(stage, stage.energy_at(start_v)),
      floor_j_(stage.energy_at(harvester_.turn_off_v.value)), delay_s_(harvester_.comparator_delay_s.value),
      highest_load_w_(highest_load_w), most_drawn_w_(stage.drawn_w(highest_load_w, harvester_.full_v.value)),
      most_lost_w_(stage.most_lost_w(highest_load_w)) {}

bool Supply::next_input() {
  if (cursor_.left() > 0) return true;
  if (!cursor_.next()) return false;
  input_ = stage_.input(cursor_.value());
  store_.set_input(input_);
  stop_known_ = false;
  least_known_ = false;
  return true;
}

void Supply::settle(LoadPower load_w, bool proven) {
  if (stop_known_ && load_w == load_w_ && proven == proven_) return;
  stop_known_ = true;
  load_w_ = load_w;
  proven_ = proven;
  stop_ = EnergyStore::Stop::kNever;
  if (mode_ == Mode::kOff) {
    stop_ = EnergyStore::Stop::kRising;
    stop_j_ = stage_.threshold_j(harvester_.turn_on_v.value, input_, 0);
  } else if (mode_ == Mode::kOn && !proven) {
    stop_ = EnergyStore::Stop::kFalling;
    stop_j_ = stage_.threshold_j(doomed_ ? harvester_.brown_out_v.value : harvester_.turn_off_v.value, input_, load_w);
  }
}

void Supply::enter(Mode mode) {
  mode_ = mode;
  doomed_ = false;
  stop_known_ = false;
}

std::optional<Supply::Step> Supply::step(double limit_s, LoadPower load_w, bool proven) {
  if (!next_input()) return std::nullopt;
  settle(on() ? load_w : 0, proven && on());
  double limit = cursor_.left();
  if (mode_ == Mode::kTurningOn) limit = std::min(limit, turning_on_s_);
  if (mode_ == Mode::kOn) limit = std::min(limit, limit_s);
  if (doomed_) limit = std::min(limit, doom_s_);
  Step step{.before_j = store_.energy_j()};
  const EnergyStore::Step stored = store_.advance(limit, load_w_, stop_, stop_j_);
  step.seconds = stored.elapsed_s;
  step.load_j = stored.load_j;
  cursor_.pass(stored.elapsed_s);
  turning_on_s_ -= stored.elapsed_s;
  doom_s_ -= stored.elapsed_s;
  if (stored.reached) {
    step.event = threshold();
  } else if (mode_ == Mode::kTurningOn && turning_on_s_ <= 0) {
    enter(Mode::kOn);
    step.event = Event::kOn;
  } else if (doomed_ && doom_s_ <= 0) {
    // The comparator's delay is over: the device is switched off unless the voltage has recovered.
    doomed_ = false;
    stop_known_ = false;
    if (store_.energy_j() <= stage_.threshold_j(harvester_.turn_off_v.value, input_, load_w_)) {
      enter(Mode::kOff);
      step.event = Event::kOff;
    }
  }
  return step;
}

Supply::Event Supply::threshold() {
  if (mode_ == Mode::kOff) {
    if (delay_s_ > 0) {
      turning_on_s_ = delay_s_;
      enter(Mode::kTurningOn);
      return Event::kNone;
    }
    enter(Mode::kOn);
    return Event::kOn;
  }
  if (!doomed_ && delay_s_ > 0 && harvester_.brown_out_v.value < harvester_.turn_off_v.value) {
    doomed_ = true;
    doom_s_ = delay_s_;
    stop_known_ = false;
    return Event::kNone;
  }
  enter(Mode::kOff);
  return Event::kOff;
}

double Supply::safe_s() {
  if (!on() || doomed_) return 0;
  if (!least_known_) {
    least_w_ = stage_.least_charging_w(input_);
    least_known_ = true;
    // The lowest threshold: nothing arrives and the device draws most.
    off_j_ = stage_.threshold_j(harvester_.turn_off_v.value, PowerStage::Input{}, highest_load_w_);
  }
  const double spare = store_.energy_j() - off_j_;
  if (spare <= 0) return 0;
  const double deficit = most_drawn_w_ + most_lost_w_ - least_w_;
  const double sample = cursor_.left();
  if (deficit * sample >= spare) return spare / deficit;
  return sample + (spare - std::max(0.0, deficit) * sample) / (most_drawn_w_ + most_lost_w_);
}

}  // namespace mj
