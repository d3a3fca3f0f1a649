// SPDX-License-Identifier: Apache-2.0

// Power cuts on the MSP430 core. Every cut is made and restarted; what its restart leads to is known once the whole machine
// is as after a restart that was run to the end.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "mj/base/error.h"
#include "mj/base/parallel.h"
#include "mj/base/random.h"
#include "mj/base/text.h"
#include "mj/twin/msp430/machine.h"
#include "mj/twin/msp430_board.h"
#include "mj/twin/powercut/cut_job.h"
#include "mj/twin/run.h"

namespace mj {
namespace {

using msp430::Snapshot;
using msp430::Stop;
using msp430::StopReason;

constexpr std::size_t kMostSettled = 16;
constexpr std::int64_t kStretchesAtOnce = 64;

/// What lies outside of the device: what the sensor shows, and what was delivered.
struct World {
  std::size_t input = 0;      ///< offered next
  std::size_t committed = 0;  ///< offered last
  std::size_t written = 0;    ///< bytes of the answer that is being delivered
  bool delivered = false;
};

/// The answer and what non-volatile memory holds after one uninterrupted inference.
struct Msp430Reference {
  std::vector<std::byte> answer;
  Snapshot end;
  std::uint64_t instructions = 0;
};

enum class Event : std::uint8_t { kCommit, kEnd, kLimit, kFailed };

msp430::MachineOptions machine_options(std::uint64_t seed) {
  msp430::MachineOptions options;
  options.watchdog = true;
  options.seed = seed;
  return options;
}

/// One emulated device and the world around it.
class CutDevice {
 public:
  msp430::Machine machine;
  World world;
  std::vector<std::byte> answer;  ///< the last that was delivered

  CutDevice(const CutJob& job, const std::vector<Msp430Reference>& references)
      : machine(job.program, machine_options(job.options.seed)), job_(job), references_(references), board_(machine) {
    machine.add_breakpoint(machine.symbol("mj_commit"));
  }

  /// Runs to the beginning of the next commit, to the end, or at most `limit` instructions.
  Event run(std::uint64_t limit) {
    const std::uint64_t end = machine.instructions() + limit;
    for (;;) {
      if (machine.instructions() >= end) return Event::kLimit;
      const Stop stop = machine.run(end - machine.instructions());
      if (stop.reason == StopReason::kLimit && !board_.at_read() && !board_.at_write()) return Event::kLimit;
      if (stop.reason != StopReason::kBreakpoint && stop.reason != StopReason::kLimit) return failed(stop);
      if (board_.at_read()) {
        if (world.delivered) return Event::kEnd;
        board_.give(job_.inputs[world.input]);
        world.committed = world.input;
      } else if (board_.at_write()) {
        if (!delivers_right(board_.take())) return Event::kFailed;
      } else {
        return Event::kCommit;
      }
    }
  }
  /// Runs to the end, whatever commits come.
  Event finish() {
    const std::uint64_t limit = machine.instructions() + kMostInstructions;
    for (;;) {
      const Event event = run(limit - machine.instructions());
      if (event != Event::kCommit) return event;
    }
  }
  void cut_power(std::uint64_t noise) {
    machine.cut_power(noise);
    world.written = 0;
  }

  std::string why(Event event) const {
    if (event == Event::kFailed) return failure_;
    if (event == Event::kLimit) return "still running at " + job_.program.describe(machine.pc());
    return "the program came to another end";
  }
  /// Where non-volatile memory differs from that of a snapshot; `other` is a machine to look at it with.
  std::string difference(const Snapshot& expected, CutDevice& other) const {
    other.machine.restore(expected);
    for (const auto& [first, bytes] : {std::pair(0x1800u, 0x200u), std::pair(0x4000u, 0x40000u)}) {
      const auto ours = machine.memory(first, bytes), theirs = other.machine.memory(first, bytes);
      const auto at = std::ranges::mismatch(ours, theirs).in1 - ours.begin();
      if (at == static_cast<std::ptrdiff_t>(bytes)) continue;
      const auto i = static_cast<std::size_t>(at);
      return fmt::format("{} is {}; expected {}", job_.program.describe(first + static_cast<std::uint32_t>(at)),
                         std::to_integer<int>(ours[i]), std::to_integer<int>(theirs[i]));
    }
    return "nothing differs";
  }

 private:
  Event failed(const Stop& stop) {
    failure_ = !stop.message.empty() ? stop.message
               : stop.reason == StopReason::kCpuOff ? "processor switched off before " + job_.program.describe(stop.address)
                                                    : "the program ended at " + job_.program.describe(stop.address);
    return Event::kFailed;
  }
  bool delivers_right(const std::vector<std::byte>& output) {
    std::size_t whole = 0;
    for (const Bytes bytes : job_.device.output_bytes) whole += static_cast<std::size_t>(bytes);
    if (world.written == 0) answer.clear();
    answer.insert(answer.end(), output.begin(), output.end());
    world.written += output.size();
    if (answer.size() > whole) {
      failure_ = fmt::format("{} bytes were delivered; expected {}", answer.size(), whole);
      return false;
    }
    if (!references_.empty()) {
      const auto& right = references_[world.committed].answer;
      if (!std::equal(answer.begin(), answer.end(), right.begin())) {
        failure_ = "the answer that was delivered is wrong";
        return false;
      }
    }
    if (world.written == whole) world.delivered = true, world.written = 0;
    return true;
  }

  const CutJob& job_;
  const std::vector<Msp430Reference>& references_;  // empty while they are made
  Msp430Board board_;
  std::string failure_;
};

/// The beginning and the end of one stretch of the uninterrupted inference.
struct Stretch {
  std::int64_t number = 0;
  Snapshot begin, end;
  World world;  ///< at its beginning
  std::uint64_t instructions = 0;
  bool last = false;
};

class Msp430Tester {
 public:
  Msp430Tester(const CutJob& job, Progress& progress) : job_(job), progress_(progress), stretches_(job.folder) {
    for (std::size_t k = 0; k < job.inputs.size(); ++k) references_.push_back(reference(k));
    for (int i = 0; i < threads(); ++i) workers_.push_back(std::make_unique<Worker>(job, references_));
  }

  TwinCutResult run() {
    result_.instructions = static_cast<std::int64_t>(references_[0].instructions);
    if (job_.options.units) {
      const auto chosen = stretches_.one_of_every_kind();
      result_.cut_units = static_cast<std::int64_t>(chosen.size()) - 3;
      cut_stretches("cuts in one unit of every kind", chosen, 1);
    }
    if (job_.options.every > 0) {
      std::vector<std::int64_t> all(static_cast<std::size_t>(stretches_.count()));
      for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
      result_.cut_units = stretches_.count() - 3;
      cut_stretches("cuts over a whole inference", all, job_.options.every);
    }
    if (job_.options.random > 0) random_chains();
    result_.single_cuts = result_.restarts = single_;
    result_.restarts_run_to_the_end = to_the_end_;
    result_.divergences = divergences_.count();
    result_.first_divergence = divergences_.first();
    return result_;
  }

 private:
  struct Worker {
    Worker(const CutJob& job, const std::vector<Msp430Reference>& references) : front(job, references), probe(job, references) {
      probe.machine.save(blank);
    }
    CutDevice front, probe;
    Snapshot blank, here;
    std::vector<Snapshot> settled;  ///< ends of the stretch from which the run to the end is known
  };

  Msp430Reference reference(std::size_t input) const {
    static const std::vector<Msp430Reference> kNone;
    CutDevice device(job_, kNone);
    device.world.input = input;
    const Event event = device.finish();
    if (event != Event::kEnd) fail("an uninterrupted inference: {}", device.why(event));
    Msp430Reference out;
    out.answer = device.answer;
    out.instructions = device.machine.instructions();
    device.machine.save(out.end);
    return out;
  }

  void advance(std::int64_t done) {
    const std::int64_t now = done_ += done;
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock()) return;
    progress_.update(now, divergences_.count() > 0 ? fmt::format("{} divergences", divergences_.count()) : "");
  }

  /// Walks through the uninterrupted inference and cuts the chosen stretches, some at a time.
  void cut_stretches(const char* phase, const std::vector<std::int64_t>& chosen, std::int64_t step) {
    done_ = 0;
    const std::int64_t before = single_;
    progress_.begin(phase, static_cast<std::int64_t>(chosen.size()), "stretches");
    CutDevice walker(job_, references_);
    std::vector<Stretch> some;
    std::int64_t number = 0;
    const auto work_off = [&] {
      parallel_for_worker(static_cast<std::int64_t>(some.size()), [&](std::int64_t i, int worker) {
        cut_stretch(*workers_[static_cast<std::size_t>(worker)], some[static_cast<std::size_t>(i)], step);
        advance(1);
      });
      some.clear();
    };
    for (const std::int64_t next : chosen) {
      for (; number < next; ++number) MJ_CHECK(walker.run(kMostInstructions) == Event::kCommit);
      Stretch stretch;
      stretch.number = number++;
      stretch.last = stretch.number + 1 == stretches_.count();
      stretch.world = walker.world;
      walker.machine.save(stretch.begin);
      stretch.instructions = walker.machine.instructions();
      const Event event = walker.run(kMostInstructions);
      if (event != (stretch.last ? Event::kEnd : Event::kCommit)) fail("the program commits another number of units than its manifest has");
      stretch.instructions = walker.machine.instructions() - stretch.instructions;
      walker.machine.save(stretch.end);
      some.push_back(std::move(stretch));
      if (static_cast<std::int64_t>(some.size()) == kStretchesAtOnce) work_off();
    }
    work_off();
    progress_.end(fmt::format("{} {}", thousands(single_ - before), phase));
  }

  void cut_stretch(Worker& worker, const Stretch& stretch, std::int64_t step) {
    CutDevice& front = worker.front;
    front.machine.restore(stretch.begin);
    front.world = stretch.world;
    worker.settled.clear();
    // The same garbage for all cuts of a stretch, so that equal states show as equal.
    const std::uint64_t noise = RandomStream(job_.options.seed, 0xc07, static_cast<std::uint64_t>(stretch.number)).next();
    for (std::uint64_t at = 0; at < stretch.instructions; at += static_cast<std::uint64_t>(step)) {
      front.machine.save(worker.here);
      cut_once(worker, stretch, at, noise);
      ++single_;
      if (front.run(static_cast<std::uint64_t>(step)) != Event::kLimit) break;
    }
  }

  /// Cuts the power where `front` stands.
  void cut_once(Worker& worker, const Stretch& stretch, std::uint64_t at, std::uint64_t noise) {
    CutDevice& probe = worker.probe;
    probe.machine.restore(worker.here);
    probe.world = worker.front.world;
    probe.cut_power(noise);
    const auto diverged = [&](const std::string& why) {
      divergences_.report(fmt::format("cut after {} instructions of {}, at {}: {}", at, stretches_.describe(stretch.number),
                                      job_.program.describe(worker.front.machine.pc()), why));
    };
    // The commit that the stretch begins with may have to be made again, with the work before it.
    for (int commits = 0;; ++commits) {
      const Event event = probe.run(kMostInstructions);
      if (event == Event::kFailed || event == Event::kLimit) return diverged(probe.why(event));
      if (event == (stretch.last ? Event::kEnd : Event::kCommit) && probe.machine.same_fram(stretch.end)) break;
      const bool again = event == Event::kCommit && commits == 0 && stretch.number > 0;
      if (again && probe.machine.same_fram(stretch.begin)) continue;
      const std::string what = probe.difference(stretch.end, worker.front);
      worker.front.machine.restore(worker.here);
      return diverged(what);
    }
    if (std::ranges::any_of(worker.settled, [&](const Snapshot& state) { return probe.machine.same_state(state); })) return;
    if (worker.settled.size() < kMostSettled) worker.settled.push_back(probe.machine.snapshot());
    ++to_the_end_;
    const Event event = stretch.last ? Event::kEnd : probe.finish();
    if (event != Event::kEnd) return diverged("run to the end: " + probe.why(event));
    if (!probe.machine.same_fram(references_[0].end)) {
      const std::string what = probe.difference(references_[0].end, worker.front);
      worker.front.machine.restore(worker.here);
      diverged("run to the end: " + what);
    }
  }

  /// Chains of cuts: some far apart, some one after the other, some within start-up and recovery.
  void random_chains() {
    const std::int64_t chains = job_.options.random;
    done_ = 0;
    progress_.begin("random chains", chains, "chains");
    std::atomic<std::int64_t> total = 0;
    parallel_for_worker(chains, [&](std::int64_t chain, int index) {
      Worker& worker = *workers_[static_cast<std::size_t>(index)];
      CutDevice& probe = worker.probe;
      RandomStream random(job_.options.seed, 0xc4a1, static_cast<std::uint64_t>(chain));
      const std::uint64_t whole = references_[0].instructions;
      const std::uint64_t length = 1 + random.below(8);
      probe.machine.restore(worker.blank);
      probe.world = {};
      probe.cut_power(random.next());
      const auto diverged = [&](const std::string& why) {
        divergences_.report(fmt::format("random chain {} (seed {}): {}", chain, job_.options.seed, why));
      };
      Event event = Event::kLimit;
      for (std::uint64_t cut = 0; cut < length && event == Event::kLimit; ++cut) {
        const std::uint64_t reach = random.below(3) == 0 ? 2000 : std::max<std::uint64_t>(1, whole / (random.below(2) == 0 ? 2 : 20));
        event = run_through_commits(probe, random.below(reach));
        if (event != Event::kLimit) break;
        probe.cut_power(random.next());
        // The sensor may show something else by then.
        probe.world.input = (probe.world.input + 1) % job_.inputs.size();
        ++total;
      }
      if (event == Event::kLimit) event = probe.finish();
      if (event != Event::kEnd) {
        diverged(probe.why(event));
      } else if (const Msp430Reference& right = references_[probe.world.committed]; !probe.machine.same_fram(right.end)) {
        diverged(probe.difference(right.end, worker.front));
      }
      advance(1);
    });
    result_.random_chains = chains;
    result_.random_cuts = total;
    progress_.end(fmt::format("{} random chains, {} cuts", thousands(chains), thousands(total)));
  }

  static Event run_through_commits(CutDevice& device, std::uint64_t instructions) {
    const std::uint64_t end = device.machine.instructions() + instructions;
    for (;;) {
      const Event event = device.run(end - device.machine.instructions());
      if (event != Event::kCommit) return event;
    }
  }

  const CutJob& job_;
  Progress& progress_;
  Stretches stretches_;
  std::vector<Msp430Reference> references_;
  std::vector<std::unique_ptr<Worker>> workers_;
  TwinCutResult result_;
  Divergences divergences_;
  std::mutex mutex_;
  std::atomic<std::int64_t> single_ = 0, to_the_end_ = 0, done_ = 0;
};

}  // namespace

TwinCutResult cut_on_msp430_core(const CutJob& job, Progress& progress) { return Msp430Tester(job, progress).run(); }

}  // namespace mj
