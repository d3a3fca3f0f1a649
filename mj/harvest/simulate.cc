// SPDX-License-Identifier: Apache-2.0
#include "mj/harvest/simulate.h"

#include <algorithm>
#include <cmath>

#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/base/units.h"
#include "mj/harvest/input_schedule.h"
#include "mj/harvest/supply.h"

namespace mj {
namespace {

constexpr double kBalance = 1e-9;
constexpr std::size_t kMostReboots = 64;

enum class Mode { kOff, kBoot, kWork, kSleep };

/// One device through one trace.
class Run {
 public:
  Run(const WorkPlan& plan, const PowerStage& stage, Trace& trace, ExitPolicy& policy, const Outcomes* images,
      const SimulationOptions& options)
      : plan_(plan), stage_(stage), policy_(policy), images_(images), options_(options),
        supply_(stage, trace, options.duration_s, options.start_v, plan.highest_power_w()), schedule_(options.period_s) {
    sleep_w_ = stage.harvester().sleep_current_a.value * plan.voltage_v;
    result_.answers_at_exit.assign(plan.exits.size(), 0);
    result_.reboots_per_inference.assign(kMostReboots + 1, 0);
    if (images) result_.correct = 0;
    books_.stored_start = supply_.stored_j();
  }

  SimulationResult run() {
    while (const auto step = supply_.step(left_s_, load_w_, proven_)) {
      pass(*step);
      if (step->event == Supply::Event::kOn) {
        boot();
      } else if (step->event == Supply::Event::kOff) {
        cut();
      } else if (mode_ != Mode::kOff && left_s_ <= 0) {
        task_done();
      }
    }
    return finish();
  }

 private:
  void pass(const Supply::Step& step) {
    now_s_ += step.seconds;
    left_s_ -= step.seconds;
    used_j_ += step.load_j;
    if (mode_ != Mode::kOff) on_s_ += step.seconds;
    highest_j_ = std::max(highest_j_, supply_.stored_j());
    timeline_.pass(step.seconds, step.before_j, supply_.stored_j(), mode_ != Mode::kOff,
                   busy_ ? plan_.seconds_before(unit_) / plan_.seconds_before(plan_.units()) : 0);
  }

  void enter(Mode mode, double seconds, double power) {
    mode_ = mode;
    left_s_ = seconds;
    load_w_ = power;
    used_j_ = 0;
    proven_ = false;
  }

  // Power -----------------------------------------------------------------------------------------------------------------

  void cut() {
    ++result_.cuts;
    timeline_.cut();
    if (mode_ == Mode::kWork) {
      re_executed_ += used_j_;
      ++result_.units_cut;
    } else if (mode_ == Mode::kBoot) {
      boot_j_ += used_j_;
    } else {
      sleep_j_ += used_j_;
    }
    enter(Mode::kOff, HUGE_VAL, 0);
  }

  void boot() {
    if (!result_.first_on_s) result_.first_on_s = now_s_;
    ++result_.boots;
    if (busy_) ++reboots_;
    if (plan_.boot_s <= 0) return work_or_sleep();
    enter(Mode::kBoot, plan_.boot_s, plan_.boot_power_w());
  }

  // Work ------------------------------------------------------------------------------------------------------------------

  void task_done() {
    switch (mode_) {
      case Mode::kOff: return;
      case Mode::kBoot: boot_j_ += used_j_; return work_or_sleep();
      case Mode::kSleep: sleep_j_ += used_j_; return work_or_sleep();
      case Mode::kWork: break;
    }
    useful_ += used_j_;
    unit_ = stretch_end_;
    if (unit_ == plan_.exits[exit_].unit + 1) {
      const bool last = exit_ + 1 == plan_.exits.size();
      if (last || !policy_.go_on(exit_, image_, supply_.usable_j())) {
        answer();
      } else {
        ++exit_;
      }
    }
    work_or_sleep();
  }

  void answer() {
    const bool right = images_ && images_->correct[images_->at(image_, exit_)] != 0;
    ++result_.answers;
    ++result_.answers_at_exit[exit_];
    if (right) ++*result_.correct;
    result_.completion_s.add(now_s_ - asked_s_);
    ++result_.reboots_per_inference[std::min(reboots_, kMostReboots)];
    timeline_.answer(right);
    policy_.end(exit_);
    busy_ = false;
  }

  void work_or_sleep() {
    if (!busy_ && !take_input()) return;
    // As many units as provably see no cut, up to the next decision; at least one.
    const std::int32_t decision = plan_.exits[exit_].unit + 1;
    std::int32_t end = unit_ + 1;
    const double safe_s = supply_.safe_s();
    std::int32_t low = unit_, high = options_.leap ? decision : unit_ + 1;
    while (low < high) {
      const std::int32_t middle = low + (high - low + 1) / 2;
      if (plan_.seconds_before(middle) - plan_.seconds_before(unit_) <= safe_s) low = middle;
      else high = middle - 1;
    }
    const bool proven = low > unit_;
    if (proven) end = low;
    const double seconds = plan_.seconds_before(end) - plan_.seconds_before(unit_);
    const double joules = plan_.energy_before(end) - plan_.energy_before(unit_);
    stretch_end_ = end;
    enter(Mode::kWork, seconds, joules / seconds);
    proven_ = proven;
  }

  /// Starts the next inference, or sleeps until its input comes.
  bool take_input() {
    const std::optional<double> asked = schedule_.take(now_s_);
    if (!asked) {
      enter(Mode::kSleep, schedule_.next_s() - now_s_, sleep_w_);
      return false;
    }
    busy_ = true;
    asked_s_ = *asked;
    unit_ = 0;
    exit_ = 0;
    reboots_ = 0;
    ++started_;
    next_image();
    policy_.begin(now_s_, now_s_ - *asked, supply_.usable_j());
    return true;
  }

  void next_image() {
    if (!images_) return;
    const auto n = images_->images;
    if (order_at_ % n == 0) order_ = permutation(n, RandomStream(options_.seed, static_cast<std::uint64_t>(order_at_ / n)));
    image_ = order_[static_cast<std::size_t>(order_at_ % n)];
    ++order_at_;
  }

  SimulationResult finish() {
    EnergyBooks& books = books_;
    if (mode_ == Mode::kWork) books.unfinished = used_j_;
    if (mode_ == Mode::kBoot) boot_j_ += used_j_;
    if (mode_ == Mode::kSleep) sleep_j_ += used_j_;
    books.harvested = supply_.store().harvested();
    books.converter = supply_.store().converter();
    books.quiescent = supply_.store().quiescent();
    books.leakage = supply_.store().leakage();
    books.resistance = supply_.store().resistance();
    books.wasted_full = supply_.store().wasted_full();
    books.useful = useful_.value();
    books.re_executed = re_executed_.value();
    books.boot = boot_j_.value();
    books.sleep = sleep_j_.value();
    books.stored_end = supply_.stored_j();
    MJ_CHECK(books.balance_error() <= kBalance);
    result_.books = books;
    result_.policy = policy_.name();
    result_.duration_s = now_s_;
    result_.on_s = on_s_.value();
    result_.segments = supply_.cursor().segments();
    result_.repairs = supply_.cursor().repairs();
    result_.inputs = options_.period_s > 0 ? static_cast<std::int64_t>(std::ceil(now_s_ / options_.period_s)) : started_;
    result_.highest_v = stage_.volts_at(highest_j_);
    while (result_.reboots_per_inference.size() > 1 && result_.reboots_per_inference.back() == 0) result_.reboots_per_inference.pop_back();
    result_.timeline = timeline_.finish();
    result_.timeline_step_s = timeline_.width_s();
    return result_;
  }

  const WorkPlan& plan_;
  const PowerStage& stage_;
  ExitPolicy& policy_;
  const Outcomes* images_;
  SimulationOptions options_;
  Supply supply_;
  InputSchedule schedule_;
  double sleep_w_ = 0;

  Mode mode_ = Mode::kOff;
  double left_s_ = HUGE_VAL;  ///< of the present task
  double load_w_ = 0;
  double used_j_ = 0;    ///< by the present task
  bool proven_ = false;  ///< no cut can come during the present task

  bool busy_ = false;  ///< an inference is under way
  std::int32_t unit_ = 0, stretch_end_ = 0;
  std::size_t exit_ = 0;  ///< the next one
  std::size_t reboots_ = 0;
  double asked_s_ = 0;
  std::int64_t image_ = 0, order_at_ = 0, started_ = 0;
  std::vector<std::int64_t> order_;

  double now_s_ = 0;
  double highest_j_ = 0;
  ExactSum on_s_, useful_, re_executed_, boot_j_, sleep_j_;
  EnergyBooks books_;
  Timeline timeline_;
  SimulationResult result_;
};

/// The same power stage with another capacitance of the same kind.
PowerStage resized(const PowerStage& stage, double factor, double nominal_v) {
  Capacitor capacitor = stage.capacitor();
  capacitor.capacitance_f *= factor;
  capacitor.leakage_ohm /= factor;
  // Thresholds need no source.
  return PowerStage(stage.harvester(), capacitor, {}, TraceKind::kPower, nominal_v);
}

}  // namespace

double charge_j(const WorkPlan& plan, const PowerStage& stage) {
  const Harvester& h = stage.harvester();
  const PowerStage::Input nothing;
  return stage.threshold_j(h.turn_on_v.value, nothing, 0) -
         stage.threshold_j(h.turn_off_v.value, nothing, std::max(plan.highest_power_w(), plan.boot_power_w()));
}

double needed_j(const WorkPlan& plan, const PowerStage& stage) {
  const Harvester& h = stage.harvester();
  const double energy = plan.boot_energy_j + plan.largest_unit_j();
  // Without a converter the device draws more at a higher voltage.
  return h.regulated ? energy / h.output_efficiency.value : energy * h.turn_on_v.value / plan.voltage_v;
}

std::optional<double> smallest_capacitance(const WorkPlan& plan, const PowerStage& stage) {
  double high = 1;
  const auto holds = [&](double factor) {
    const PowerStage other = resized(stage, factor, plan.voltage_v);
    return charge_j(plan, other) >= needed_j(plan, other);
  };
  while (!holds(high)) {
    if ((high *= 2) > 1e9) return std::nullopt;
  }
  double low = 0;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    if (middle <= 0) break;
    (holds(middle) ? high : low) = middle;
  }
  return stage.capacitor().capacitance_f * high;
}

std::vector<double> exit_costs(const WorkPlan& plan, const PowerStage& stage) {
  const Harvester& h = stage.harvester();
  const double middle_v = (h.turn_on_v.value + h.turn_off_v.value) / 2;
  std::vector<double> costs;
  for (std::size_t k = 0; k < plan.exits.size(); ++k) {
    const double energy = plan.energy_to_exit(k);
    costs.push_back(h.regulated ? energy / h.output_efficiency.value : energy * middle_v / plan.voltage_v);
  }
  return costs;
}

SimulationResult simulate(const WorkPlan& plan, const PowerStage& stage, Trace& trace, ExitPolicy& policy, const Outcomes* images,
                          const SimulationOptions& options) {
  if (trace.endless() && !(options.duration_s > 0)) fail("the trace goes on for ever; give a duration, e.g. --duration 24h");
  if (images && images->exits.size() != plan.exits.size()) {
    fail("the outcomes are of {} exits, the firmware has {}", images->exits.size(), plan.exits.size());
  }
  if (options.start_v > stage.harvester().full_v.value) {
    fail("the capacitor starts at {} and is full at {}", si_text(options.start_v, "V"), si_text(stage.harvester().full_v.value, "V"));
  }
  if (charge_j(plan, stage) < needed_j(plan, stage)) {
    const auto smallest = smallest_capacitance(plan, stage);
    const std::string found =
        fmt::format("a capacitor of {} holds {} from turn-on to turn-off; boot and the largest unit take {}",
                    si_text(stage.capacitor().capacitance_f, "F"), si_text(std::max(0.0, charge_j(plan, stage)), "J"), si_text(needed_j(plan, stage), "J"));
    if (!smallest) fail("{}; none is large enough, for the load drops {} over the series resistance", found,
                        si_text(stage.drawn_w(plan.highest_power_w(), stage.harvester().turn_off_v.value) / stage.harvester().turn_off_v.value * stage.capacitor().series_ohm, "V"));
    fail("{}; the smallest that could is {}", found, si_text(*smallest * 1.0005, "F"));
  }
  return Run(plan, stage, trace, policy, images, options).run();
}

}  // namespace mj
