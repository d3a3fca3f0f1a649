// SPDX-License-Identifier: Apache-2.0
#include "mj/harvest/energy_store.h"

#include <algorithm>
#include <cmath>

#include "mj/base/error.h"
#include "mj/harvest/flow_step.h"

namespace mj {

EnergyStore::EnergyStore(const PowerStage& stage, double start_j)
    : stage_(stage), energy_(std::clamp(start_j, 0.0, stage.full_j())), band_(stage.band_of(energy_)) {}

void EnergyStore::set_input(const PowerStage::Input& input) {
  input_ = input;
  known_ = false;
}

void EnergyStore::enter(std::size_t band) {
  band_ = band;
  known_ = false;
}

void EnergyStore::book(const Rates& rates, double seconds) {
  harvested_ += rates.source * seconds;
  converter_ += rates.converter * seconds;
  quiescent_ += rates.quiescent * seconds;
  leakage_ += rates.leakage * seconds;
  resistance_ += rates.resistance * seconds;
}

EnergyStore::Step EnergyStore::advance(double duration_s, LoadPower load, Stop stop, double stop_j) {
  Step step;
  double left = duration_s;
  // A band left at one edge and entered from the other twice without time passing holds the energy at the edge.
  int moves = 0;
  Rates below_edge;
  while (left > 0) {
    if (stop == Stop::kRising ? energy_ >= stop_j : stop == Stop::kFalling && energy_ <= stop_j) {
      step.reached = true;
      break;
    }
    if (!known_) {
      const bool cold = stage_.cold(band_);
      low_ = stage_.charge(input_, band_, cold);
      high_ = stage_.charge(input_, band_ + 1, cold);
      known_ = true;
    }
    const double bottom = stage_.edge(band_).energy_j, top = stage_.edge(band_ + 1).energy_j;
    const Rates at_bottom = stage_.rates(low_, band_, load), at_top = stage_.rates(high_, band_ + 1, load);
    const double slope = (at_top.net() - at_bottom.net()) / (top - bottom);
    const Rates now = between(at_bottom, at_top, (energy_ - bottom) / (top - bottom));
    const double rate = now.net();

    if (rate > 0 && energy_ >= top) {
      if (band_ + 1 == stage_.bands()) {  // full: the surplus is lost
        book(at_top, left);
        step.load_j += at_top.load * left;
        wasted_ += at_top.net() * left;
        step.elapsed_s += left;
        break;
      }
      below_edge = now;
      enter(band_ + 1);
      ++moves;
      continue;
    }
    if (rate < 0 && energy_ <= bottom) {
      if (band_ == 0) {  // empty: nothing flows but what the source gives at once
        energy_ = 0;
        step.elapsed_s += left;
        break;
      }
      if (moves > 0) {  // rises below this edge, falls above it
        const double share = rate / (rate - below_edge.net());
        const Rates held = between(now, below_edge, share);
        book(held, left);
        step.load_j += held.load * left;
        step.elapsed_s += left;
        break;
      }
      enter(band_ - 1);
      const bool cold = stage_.cold(band_);
      low_ = stage_.charge(input_, band_, cold);
      high_ = stage_.charge(input_, band_ + 1, cold);
      known_ = true;
      const Rates below = stage_.rates(high_, band_ + 1, load);
      if (below.net() > 0) {
        const double share = rate / (rate - below.net());
        const Rates held = between(now, below, share);
        book(held, left);
        step.load_j += held.load * left;
        step.elapsed_s += left;
        enter(band_ + 1);
        break;
      }
      continue;
    }

    // One closed-form step: to the end, to the band's edge or to the threshold, whichever comes first.
    double target = rate > 0 ? top : bottom;
    bool at_stop = false;
    if ((stop == Stop::kRising && rate > 0 && stop_j <= target) || (stop == Stop::kFalling && rate < 0 && stop_j >= target)) {
      target = stop_j;
      at_stop = true;
    }
    double seconds = left;
    // In balance nothing changes, however steep the slope (0 times an overflowing exponential).
    double change = rate == 0 ? 0 : rate * seconds * phi1(slope * seconds);
    const bool arrives = rate != 0 && std::fabs(change) >= std::fabs(target - energy_);
    if (arrives) {
      seconds = std::min(left, time_to(target - energy_, rate, slope));
      change = rate * seconds * phi1(slope * seconds);
    }
    // Mean of the energy over the step, less the energy at its start.
    const double mean_rise = rate == 0 ? 0 : rate * seconds * phi2(slope * seconds);
    const Rates mean = between(at_bottom, at_top, (energy_ + mean_rise - bottom) / (top - bottom));
    book(mean, seconds);
    step.load_j += mean.load * seconds;
    energy_ = arrives ? target : energy_ + change;
    step.elapsed_s += seconds;
    left -= seconds;
    moves = 0;
    if (arrives && at_stop) {
      step.reached = true;
      break;
    }
  }
  return step;
}

}  // namespace mj
