// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/harvested_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/base/text.h"
#include "mj/emit/machines.h"
#include "mj/harvest/input_schedule.h"
#include "mj/harvest/supply.h"
#include "mj/twin/msp430/machine.h"
#include "mj/twin/msp430_board.h"
#include "mj/twin/run.h"

namespace mj {
namespace {

using msp430::Stop;
using msp430::StopReason;

// Between two looks at the capacitor; a cut within is found by going back and stepping up to it.
constexpr std::uint64_t kSlice = 20'000;

std::vector<std::byte> random_input(const DeviceFolder& folder, std::uint64_t seed) {
  RandomStream random(seed, 0x1b9);
  std::vector<std::byte> input(static_cast<std::size_t>(folder.input_bytes));
  for (std::byte& byte : input) byte = static_cast<std::byte>(random.next() >> 56);
  return input;
}

/// The emulated device, the board and the application's side of it.
class HarvestedDevice {
 public:
  msp430::Machine machine;

  enum class Place : std::uint8_t { kWorking, kReading, kDelivered };

  HarvestedDevice(const ElfProgram& program, const DeviceFolder& folder, std::uint64_t seed)
      : machine(program, options(seed)), program_(program), input_(random_input(folder, seed)), board_(machine) {
    for (const Bytes bytes : folder.output_bytes) answer_bytes_ += static_cast<std::size_t>(bytes);
  }

  /// At most `limit` instructions, to where the program asks for an input or has delivered a whole answer.
  Place run(std::uint64_t limit) {
    if (board_.at_read()) return Place::kReading;
    const std::uint64_t end = machine.instructions() + limit;
    while (machine.instructions() < end) {
      const Stop stop = machine.run(end - machine.instructions());
      if (stop.reason == StopReason::kFault || stop.reason == StopReason::kReset) fail("{}", stop.message);
      if (stop.reason != StopReason::kBreakpoint && stop.reason != StopReason::kLimit) {
        fail("the program ended at {}", program_.describe(stop.address));
      }
      if (board_.at_read()) return Place::kReading;
      if (!board_.at_write()) continue;
      const auto bytes = board_.take();
      answer.insert(answer.end(), bytes.begin(), bytes.end());
      if (answer.size() >= answer_bytes_) return Place::kDelivered;
    }
    return Place::kWorking;
  }
  void give() { board_.give(input_); }
  void cut_power(std::uint64_t noise) {
    machine.cut_power(noise);
    answer.clear();
  }

  std::vector<std::byte> answer;  ///< as far as it was delivered

 private:
  static msp430::MachineOptions options(std::uint64_t seed) {
    msp430::MachineOptions options;
    options.watchdog = true;
    options.seed = seed;
    return options;
  }

  const ElfProgram& program_;
  std::vector<std::byte> input_;
  Msp430Board board_;
  std::size_t answer_bytes_ = 0;
};

std::vector<std::byte> uninterrupted_answer(const ElfProgram& program, const DeviceFolder& folder, std::uint64_t seed) {
  HarvestedDevice device(program, folder, seed);
  for (bool given = false;;) {
    if (device.machine.instructions() > kMostInstructions) fail("still running after {} instructions", kMostInstructions);
    switch (device.run(kMostInstructions)) {
      case HarvestedDevice::Place::kWorking: break;
      case HarvestedDevice::Place::kDelivered: return device.answer;
      case HarvestedDevice::Place::kReading:
        if (given) fail("the program asks for another input before it has answered");
        device.give();
        given = true;
    }
  }
}

class Run {
 public:
  Run(const ElfProgram& program, const DeviceFolder& folder, const Platform& platform, const PowerStage& stage, Trace& trace,
      const HarvestedRunOptions& options, Progress& progress)
      : options_(options), progress_(progress), right_(uninterrupted_answer(program, folder, options.seed)),
        device_(program, folder, options.seed), hertz_(platform.frequency_hz.value),
        active_w_(platform.energy_per_cycle_j.value * hertz_), boot_s_(platform.boot_energy_j.value / active_w_),
        sleep_w_(stage.harvester().sleep_current_a.value * platform.voltage_v.value),
        supply_(stage, trace, options.duration_s, options.start_v, active_w_), schedule_(options.period_s), noise_(options.seed, 0x9a7) {}

  HarvestedRun run() {
    progress_.begin("emulating", static_cast<std::int64_t>(options_.duration_s * 1e3), "ms");
    while (!over_) {
      if (!supply_.on()) {
        wait(HUGE_VAL, 0);
      } else if (boot_left_s_ > 0) {
        boot_left_s_ -= wait(boot_left_s_, active_w_);
      } else if (sleep_until_s_ - now_s_ > schedule_.slack_s()) {
        wait(sleep_until_s_ - now_s_, sleep_w_);
      } else {
        work();
      }
      progress_.update(static_cast<std::int64_t>(now_s_ * 1e3), fmt::format("{} answers, {} cuts", out_.answers, out_.cuts));
    }
    progress_.end(fmt::format("{} answers, {} cuts", thousands(out_.answers), thousands(out_.cuts)));
    out_.duration_s = now_s_;
    out_.on_s = on_s_.value();
    out_.instructions = device_.machine.instructions();
    out_.cycles = device_.machine.cycles();
    out_.harvested_j = supply_.store().harvested();
    out_.device_j = device_j_.value();
    out_.stored_end_j = supply_.stored_j();
    return out_;
  }

 private:
  /// Passes time until the limit, a switch or the end; returns how much.
  double wait(double limit_s, double load_w) {
    double passed = 0;
    while (passed < limit_s) {
      const bool on = supply_.on();
      const auto step = supply_.step(limit_s - passed, load_w);
      if (!step) {
        over_ = true;
        break;
      }
      passed += step->seconds;
      now_s_ += step->seconds;
      device_j_ += step->load_j;
      if (on) on_s_ += step->seconds;
      if (step->event == Supply::Event::kOn) {
        if (!out_.first_on_s) out_.first_on_s = now_s_;
        ++out_.boots;
        boot_left_s_ = boot_s_;
        break;
      }
      if (step->event == Supply::Event::kOff) {
        ++out_.cuts;
        switched_off_ = true;
        break;
      }
    }
    if (switched_off_ && !executing_) cut();
    return passed;
  }

  void cut() {
    device_.cut_power(noise_.next());
    switched_off_ = false;
    sleep_until_s_ = 0;
  }

  /// Executes a slice, then sees how far the energy lasts.
  void work() {
    msp430::Machine& machine = device_.machine;
    machine.save(before_);
    const std::vector<std::byte> answer_before = device_.answer;
    const std::uint64_t cycles = machine.cycles(), instructions = machine.instructions();
    const HarvestedDevice::Place place = device_.run(kSlice);
    const double wanted_s = static_cast<double>(machine.cycles() - cycles) / hertz_;
    executing_ = true;
    const double lasted_s = wait(wanted_s, active_w_);
    executing_ = false;
    if (switched_off_ || over_) {
      const std::uint64_t ran = machine.instructions() - instructions;
      machine.restore(before_);
      device_.answer = answer_before;
      const auto last = cycles + static_cast<std::uint64_t>(lasted_s * hertz_);
      HarvestedDevice::Place reached = HarvestedDevice::Place::kWorking;
      for (std::uint64_t i = 0; i < ran && machine.cycles() < last; ++i) reached = device_.run(1);
      if (reached == HarvestedDevice::Place::kDelivered) delivered();
      if (switched_off_) cut();
      return;
    }
    if (place == HarvestedDevice::Place::kReading) read();
    if (place == HarvestedDevice::Place::kDelivered) delivered();
  }

  void read() {
    // An input that was given before a cut and not stored by then is given again.
    if (!taken_ && !schedule_.take(now_s_)) {
      sleep_until_s_ = schedule_.next_s();
      return;
    }
    taken_ = true;
    device_.give();
  }

  /// An answer may be delivered again when power fails before the program has noted that it was.
  void delivered() {
    if (device_.answer != right_) ++out_.wrong_answers;
    if (taken_) ++out_.answers;
    taken_ = false;
    device_.answer.clear();
  }

  HarvestedRunOptions options_;
  Progress& progress_;
  std::vector<std::byte> right_;
  HarvestedDevice device_;
  double hertz_, active_w_, boot_s_, sleep_w_;
  Supply supply_;
  InputSchedule schedule_;
  RandomStream noise_;
  msp430::Snapshot before_;

  bool over_ = false, switched_off_ = false, executing_ = false;
  bool taken_ = false;  ///< an input was given and not answered
  double now_s_ = 0, boot_left_s_ = 0, sleep_until_s_ = 0;
  ExactSum on_s_, device_j_;
  HarvestedRun out_;
};

}  // namespace

HarvestedRun run_harvested(const DeviceFolder& folder, const Platform& platform, const PowerStage& stage, Trace& trace,
                           const HarvestedRunOptions& options, Progress& progress) {
  return with_context(folder.path.string(), [&] {
    if (folder.target != "msp430" || !folder.intermittent) {
      fail("{} firmware for target {}; the emulated device runs what 'emit --target msp430 --intermittent' makes",
           folder.intermittent ? "intermittent" : "continuous", folder.target);
    }
    std::filesystem::path elf;
    const ElfProgram program = build_program(folder, default_machine(folder.target), elf);
    return Run(program, folder, platform, stage, trace, options, progress).run();
  });
}

}  // namespace mj
