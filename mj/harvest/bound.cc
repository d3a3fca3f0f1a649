// SPDX-License-Identifier: Apache-2.0
#include "mj/harvest/bound.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "mj/base/error.h"
#include "mj/harvest/supply.h"

namespace mj {

ValueOfStore::ValueOfStore(std::vector<double> slopes, double stored_j, double capacity_j)
    : slopes_(std::move(slopes)), lengths_(slopes_.size(), 0), lowest_(stored_j), capacity_(capacity_j) {
  MJ_CHECK(std::is_sorted(slopes_.begin(), slopes_.end(), std::greater<>()));
}

void ValueOfStore::offer(const std::vector<double>& lengths) {
  for (std::size_t s = 0; s < slopes_.size(); ++s) {
    lowest_ -= lengths[s];
    value_ += slopes_[s] * lengths[s];
    lengths_[s] += lengths[s];
  }
}

void ValueOfStore::bound() {
  // Spending more than there is: given back from the least worthwhile use on.
  for (std::size_t s = slopes_.size(); s-- > 0 && lowest_ < 0;) {
    const double given_back = std::min(lengths_[s], -lowest_);
    lengths_[s] -= given_back;
    lowest_ += given_back;
    value_ -= slopes_[s] * given_back;
  }
  lowest_ = std::clamp(lowest_, 0.0, capacity_);
  // What cannot be stored is lost; the steepest pieces lie at the highest energy.
  double highest = lowest_;
  for (double length : lengths_) highest += length;
  for (std::size_t s = 0; s < slopes_.size() && highest > capacity_; ++s) {
    const double lost = std::min(lengths_[s], highest - capacity_);
    lengths_[s] -= lost;
    highest -= lost;
  }
}

namespace {

// Units whose powers differ by less than this draw the same power but for rounding.
constexpr double kSamePower = 1.001;

struct FirstOn {
  double at_s = 0;
  double stored_j = 0;
};

/// When the device is first switched on: before that no policy changes anything. Nothing when it never is.
std::optional<FirstOn> first_on(const PowerStage& stage, Trace& trace, const SimulationOptions& options) {
  Supply supply(stage, trace, options.duration_s, options.start_v, 0);
  FirstOn first;
  while (const auto step = supply.step(HUGE_VAL, 0)) {
    first.at_s += step->seconds;
    first.stored_j = supply.stored_j();
    if (step->event == Supply::Event::kOn) return first;
  }
  return std::nullopt;
}

/// What reaches a device that draws `power_w` whenever it is on, less its boots.
double working_j(const WorkPlan& plan, const PowerStage& stage, Trace& trace, const SimulationOptions& options, double power_w) {
  Supply supply(stage, trace, options.duration_s, options.start_v, power_w);
  ExactSum joules;
  double boot_s = 0;
  for (;;) {
    const bool booting = supply.on() && boot_s > 0;
    const auto step = supply.step(booting ? boot_s : HUGE_VAL, power_w);
    if (!step) return joules.value();
    if (booting) boot_s -= step->seconds;
    else joules += step->load_j;
    if (step->event == Supply::Event::kOn) boot_s = plan.boot_s;
  }
}

/// What an inference costs at least, out of the capacitor.
std::vector<double> least_costs(const WorkPlan& plan, const PowerStage& stage) {
  std::vector<double> costs;
  const Harvester& h = stage.harvester();
  for (std::size_t k = 0; k < plan.exits.size(); ++k) {
    const double energy = plan.energy_to_exit(k);
    costs.push_back(h.regulated ? energy / h.output_efficiency.value : energy * h.turn_off_v.value / plan.voltage_v);
  }
  return costs;
}

}  // namespace

double most_correct(const WorkPlan& plan, const PowerStage& stage, Trace& trace, const Outcomes& images, const SimulationOptions& options) {
  const Harvester& h = stage.harvester();
  const bool periodic = options.period_s > 0;
  const bool same_power = plan.highest_power_w() <= kSamePower * plan.lowest_power_w();
  if (!periodic && same_power) {
    std::vector<double> costs;
    for (std::size_t k = 0; k < plan.exits.size(); ++k) costs.push_back(plan.energy_to_exit(k));
    const ExitLevel best = fitted_levels(learn_buckets(images), costs, images).front();
    return best.accuracy / best.cost_j * working_j(plan, stage, trace, options, plan.highest_power_w());
  }
  const std::vector<ExitLevel> levels = fitted_levels(learn_buckets(images), least_costs(plan, stage), images);
  std::vector<double> slopes, lengths;
  double cost = 0, accuracy = 0;
  for (const ExitLevel& level : levels) {
    slopes.push_back((level.accuracy - accuracy) / (level.cost_j - cost));
    lengths.push_back(level.cost_j - cost);
    cost = level.cost_j, accuracy = level.accuracy;
  }
  const double floor = stage.energy_at(h.turn_off_v.value);
  const double off_v = h.turn_off_v.value;
  const double lost_w = h.quiescent_current_a.value * off_v + off_v * off_v / stage.capacitor().leakage_ohm;
  // Back to back every joule is worth its answers when it is spent; with a period only when the inference ends, so that what one
  // under way has used still counts as stored.
  const double capacity = stage.full_j() - floor + (periodic ? cost : 0);
  if (!periodic) slopes.resize(1);
  const auto first = first_on(stage, trace, options);
  if (!first) return 0;
  ValueOfStore value(slopes, std::max(0.0, first->stored_j - floor), capacity);

  TraceCursor cursor(trace, options.duration_s);
  double to_release = options.period_s;
  double off_s = first->at_s;
  while (cursor.next()) {
    const double off = std::min(off_s, cursor.left());
    cursor.pass(off);
    off_s -= off;
    if (periodic && off > 0) to_release = options.period_s - std::fmod(first->at_s - off_s, options.period_s);
    if (cursor.left() <= 0) continue;
    const double power = std::max(0.0, stage.most_charging_w(stage.input(cursor.value())) - lost_w);
    if (!periodic) {
      const double seconds = cursor.left();
      value.receive(power * seconds);
      value.offer({stage.drawn_w(plan.highest_power_w(), h.regulated ? h.turn_on_v.value : h.full_v.value) * seconds});
      value.bound();
      continue;
    }
    while (cursor.left() > 0) {
      const double seconds = std::min(cursor.left(), to_release);
      value.receive(power * seconds);
      cursor.pass(seconds);
      to_release -= seconds;
      if (to_release > 0) continue;
      value.offer(lengths);
      value.bound();
      to_release = options.period_s;
    }
  }
  if (periodic && to_release < options.period_s) {
    value.offer(lengths);
    value.bound();
  }
  return value.most();
}

}  // namespace mj
