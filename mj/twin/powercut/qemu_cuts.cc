// SPDX-License-Identifier: Apache-2.0

// Power cuts on QEMU. What a cut leaves is the content of non-volatile memory alone: boundaries between which it does not
// change leave the same, so one restart stands for all of them, and each restart is run to the end.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/parallel.h"
#include "mj/base/random.h"
#include "mj/base/temporary_folder.h"
#include "mj/base/text.h"
#include "mj/twin/powercut/cut_job.h"
#include "mj/twin/qemu.h"
#include "mj/twin/run.h"

namespace mj {
namespace {

using Memory = std::vector<std::byte>;

constexpr std::uint64_t kMemoryFileBytes = 16 << 20;
constexpr std::uint32_t kRam = 0x20000000, kMemoryFile = 0x21000000;

/// Addresses of a linked program that cuts need.
struct Places {
  std::uint32_t read, write, commit, nvm, nvm_bytes, ram_end;
  QemuStack stack;
};

Places places_of(const ElfProgram& program, const DeviceMachine& machine) {
  Places places{needed_symbol(program, "board_read"), needed_symbol(program, "board_write"), needed_symbol(program, "mj_commit"), 0, 0,
                needed_symbol(program, "mj_bss_end"), stack_of(program)};
  const std::uint64_t first = machine.nvm.first, end = first + machine.nvm.bytes;
  std::uint64_t lowest = end, highest = first;
  for (const Symbol& symbol : program.symbols) {
    if (symbol.address < first || symbol.address >= end || symbol.bytes == 0) continue;
    lowest = std::min<std::uint64_t>(lowest, symbol.address);
    highest = std::max<std::uint64_t>(highest, std::uint64_t{symbol.address} + symbol.bytes);
  }
  if (lowest >= highest || highest > end) fail("the program keeps nothing in the non-volatile memory of machine {}", machine.name);
  places.nvm = static_cast<std::uint32_t>(lowest);
  places.nvm_bytes = static_cast<std::uint32_t>(highest - lowest);
  return places;
}

/// What a programmer would put into the ROM; of the linked file the emulator would also clear what the program keeps.
Memory rom_image(const ElfProgram& program, const DeviceMachine& machine) {
  Memory image;
  for (const Segment& segment : program.segments) {
    const std::uint64_t begin = segment.address, end = begin + segment.bytes.size();
    if (begin < machine.rom.first || end > std::uint64_t{machine.rom.first} + machine.rom.bytes) {
      fail("segment of {} bytes at {:#x} lies outside of the ROM", segment.bytes.size(), segment.address);
    }
    image.resize(static_cast<std::size_t>(end - machine.rom.first));
    std::ranges::copy(segment.bytes, image.begin() + static_cast<std::ptrdiff_t>(begin - machine.rom.first));
  }
  return image;
}

/// What one supply of power came to.
struct Outcome {
  bool done = false;  ///< delivered, and waiting for the next input
  bool cut = false;
  bool read = false;  ///< took an input
  std::string failure;
  std::optional<Memory> answer;  ///< delivered whole
  QemuAnswers answers;
};

/// One board: a folder with the file behind its non-volatile memory.
class Board {
 public:
  Board(const CutJob& job, const Places& places, const std::filesystem::path& plugin)
      : job_(job), places_(places), run_{job.machine, job.program, file("rom.bin"), plugin, {}, file("nvm.bin"), file("noise.bin")} {
    write_file(run_.image, rom_image(job.program, job.machine));
    write_file(run_.memory, std::span<const std::byte>());
    std::filesystem::resize_file(run_.memory, kMemoryFileBytes);
    for (const Bytes bytes : job.device.output_bytes) answer_bytes_ += static_cast<std::size_t>(bytes);
  }

  Memory memory() const {
    Memory memory(places_.nvm_bytes);
    std::ifstream in(run_.memory, std::ios::binary);
    in.seekg(places_.nvm - kMemoryFile);
    in.read(reinterpret_cast<char*>(memory.data()), static_cast<std::streamsize>(memory.size()));
    if (!in) fail("{}: cannot be read", run_.memory.string());
    return memory;
  }
  void set_memory(std::span<const std::byte> memory) {
    std::fstream out(run_.memory, std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(places_.nvm - kMemoryFile);
    out.write(reinterpret_cast<const char*>(memory.data()), static_cast<std::streamsize>(memory.size()));
    out.flush();
    if (!out) fail("{}: cannot be written", run_.memory.string());
  }
  std::filesystem::path file(const char* name) const { return folder_.path() / name; }

  /// Switches the power on with garbage in the RAM: runs to the end, or to before an instruction. `delivered`: the answer
  /// has been, so that the next input is not given any more.
  Outcome power_on(std::uint64_t noise, const std::vector<std::byte>& input, bool delivered, std::uint64_t cut,
                   const std::string& more = {}) {
    Memory garbage(places_.ram_end - kRam);
    RandomStream random(noise);
    for (std::byte& byte : garbage) byte = static_cast<std::byte>(random.next() >> 56);
    write_file(run_.noise, garbage);
    write_file(file("input.bin"), input);
    std::filesystem::remove(file("output.bin"));
    run_.arguments = fmt::format(",limit={},guard={},top={},read={},write={},done={},mark={},mark={}", kMostInstructions,
                                 places_.stack.limit - kGuardBytes, places_.stack.top, places_.read, places_.write,
                                 delivered ? 1 : 0, places_.read, places_.write);
    if (cut > 0) run_.arguments += fmt::format(",cut={}", cut);
    run_.arguments += more;
    Outcome out;
    try {
      out.answers = run_qemu(run_, folder_.path());
    } catch (const Error& error) {
      out.failure = error.what();
      return out;
    }
    out.done = out.answers.done;
    out.cut = out.answers.cut;
    if (out.answers.limit) {
      out.failure = fmt::format("still running at {}", job_.program.describe(*out.answers.limit));
    } else if (!out.done && !out.cut) {
      out.failure = "the program ended";
    }
    // A run that is done ended before it passed the function again.
    out.read = std::ranges::find(out.answers.passages, places_.read, &Passage::address) != out.answers.passages.end();
    if (std::filesystem::exists(file("output.bin"))) {
      Memory answer = read_file(file("output.bin"));
      if (answer.size() == answer_bytes_) out.answer = std::move(answer);
    }
    return out;
  }

 private:
  const CutJob& job_;
  const Places& places_;
  TemporaryFolder folder_;
  QemuRun run_;
  std::size_t answer_bytes_ = 0;
};

/// Non-volatile memory before an instruction of the uninterrupted inference.
struct State {
  std::uint64_t count = 0;       ///< instructions before it
  std::uint64_t boundaries = 1;  ///< that find this content, this one included
  Memory memory;
};

struct QemuReference {
  Memory answer, end;
  std::uint64_t instructions = 0;
};

class QemuTester {
 public:
  QemuTester(const CutJob& job, Progress& progress)
      : job_(job), progress_(progress), stretches_(job.folder), places_(places_of(job.program, job.machine)) {
    const std::filesystem::path plugin = compile_qemu_plugin(tools_.path());
    for (int i = 0; i < threads(); ++i) boards_.push_back(std::make_unique<Board>(job, places_, plugin));
    for (const auto& input : job.inputs) references_.push_back(reference(input));
  }

  TwinCutResult run() {
    result_.instructions = static_cast<std::int64_t>(references_[0].instructions);
    find_commits();
    if (job_.options.units) {
      const auto chosen = stretches_.one_of_every_kind();
      result_.cut_units = static_cast<std::int64_t>(chosen.size()) - 3;
      std::vector<State> all;
      for (const std::int64_t stretch : chosen) {
        std::vector<State> some = states(begins_.at(static_cast<std::size_t>(stretch)), begins_.at(static_cast<std::size_t>(stretch) + 1));
        std::ranges::move(some, std::back_inserter(all));
      }
      restart_all("restarts in one unit of every kind", all);
    }
    if (job_.options.every > 0) {
      result_.cut_units = stretches_.count() - 3;
      restart_all("restarts over a whole inference", sampled(states(0, references_[0].instructions)));
    }
    if (job_.options.random > 0) random_chains();
    result_.restarts_run_to_the_end = result_.restarts;
    result_.divergences = divergences_.count();
    result_.first_divergence = divergences_.first();
    return result_;
  }

 private:
  static constexpr std::uint64_t kFirstNoise = 77;

  QemuReference reference(const std::vector<std::byte>& input) {
    Board& board = *boards_[0];
    board.set_memory(Memory(places_.nvm_bytes));
    Outcome out = board.power_on(kFirstNoise, input, false, 0);
    if (!out.done || !out.answer) fail("an uninterrupted inference: {}", out.failure.empty() ? "nothing was delivered" : out.failure);
    const auto delivered = std::ranges::find(out.answers.passages, places_.write, &Passage::address);
    if (delivered_at_ == 0 && delivered != out.answers.passages.end()) delivered_at_ = delivered->instructions;
    return {std::move(*out.answer), board.memory(), out.answers.instructions};
  }

  /// The count of instructions at the beginning of every stretch, and at the end.
  void find_commits() {
    Board& board = *boards_[0];
    board.set_memory(Memory(places_.nvm_bytes));
    const Outcome out = board.power_on(kFirstNoise, job_.inputs[0], false, 0, fmt::format(",mark={}", places_.commit));
    begins_ = {0};
    for (const Passage& passage : out.answers.passages) {
      if (passage.address == places_.commit) begins_.push_back(passage.instructions);
    }
    begins_.push_back(references_[0].instructions);
    if (static_cast<std::int64_t>(begins_.size()) != stretches_.count() + 1) {
      fail("the program commits {} times; expected {}, by its manifest", begins_.size() - 2, stretches_.count() - 1);
    }
  }

  /// All contents of non-volatile memory before the instructions `from` .. `until - 1` of the inference.
  std::vector<State> states(std::uint64_t from, std::uint64_t until) {
    Board& board = *boards_[0];
    const auto file = board.file("states.bin");
    board.set_memory(Memory(places_.nvm_bytes));
    const std::string more = fmt::format(",nvm={},offset={},base={},bytes={},states={},from={},until={}", board.file("nvm.bin").string(),
                                         places_.nvm - kMemoryFile, places_.nvm, places_.nvm_bytes, file.string(), from, until);
    const Outcome out = board.power_on(kFirstNoise, job_.inputs[0], false, 0, more);
    if (!out.failure.empty()) fail("an uninterrupted inference: {}", out.failure);
    const Memory bytes = read_file(file);
    std::vector<State> found;
    const std::size_t one = sizeof(std::uint64_t) + places_.nvm_bytes;
    for (std::size_t at = 0; at + one <= bytes.size(); at += one) {
      State state;
      std::memcpy(&state.count, bytes.data() + at, sizeof state.count);
      state.memory.assign(bytes.data() + at + sizeof state.count, bytes.data() + at + one);
      found.push_back(std::move(state));
    }
    for (std::size_t i = 0; i < found.size(); ++i) {
      found[i].boundaries = (i + 1 < found.size() ? found[i + 1].count : until) - found[i].count;
    }
    return found;
  }

  /// Those that boundaries after every so many instructions find.
  std::vector<State> sampled(std::vector<State> all) const {
    const auto step = static_cast<std::uint64_t>(job_.options.every);
    std::vector<State> out;
    for (State& state : all) {
      const std::uint64_t first = (state.count + step - 1) / step * step, end = state.count + state.boundaries;
      if (first >= end) continue;
      state.boundaries = (end - first + step - 1) / step;
      out.push_back(std::move(state));
    }
    return out;
  }

  std::string describe(std::uint64_t count) const {
    const auto next = std::ranges::upper_bound(begins_, count);
    const std::int64_t stretch = std::min<std::int64_t>(next - begins_.begin() - 1, stretches_.count() - 1);
    return fmt::format("cut after {} instructions of {}", count - begins_[static_cast<std::size_t>(stretch)], stretches_.describe(stretch));
  }

  std::string difference(const Memory& ours, const Memory& theirs) const {
    const auto at = std::ranges::mismatch(ours, theirs).in1 - ours.begin();
    const auto i = static_cast<std::size_t>(at);
    return fmt::format("{} is {}; expected {}", job_.program.describe(places_.nvm + static_cast<std::uint32_t>(at)),
                       std::to_integer<int>(ours[i]), std::to_integer<int>(theirs[i]));
  }

  void advance() {
    const std::int64_t now = ++done_;
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock()) return;
    progress_.update(now, divergences_.count() > 0 ? fmt::format("{} divergences", divergences_.count()) : "");
  }

  void restart_all(const char* phase, const std::vector<State>& states) {
    done_ = 0;
    progress_.begin(phase, static_cast<std::int64_t>(states.size()), "restarts");
    parallel_for_worker(static_cast<std::int64_t>(states.size()), [&](std::int64_t i, int worker) {
      const State& state = states[static_cast<std::size_t>(i)];
      Board& board = *boards_[static_cast<std::size_t>(worker)];
      board.set_memory(state.memory);
      const std::uint64_t noise = RandomStream(job_.options.seed, 0xc07, state.count).next();
      const Outcome out = board.power_on(noise, job_.inputs[0], state.count > delivered_at_, 0);
      const QemuReference& right = references_[0];
      if (const std::string wrong = judge(out, board, right); !wrong.empty()) {
        divergences_.report(fmt::format("{}: {}", describe(state.count), wrong));
      }
      advance();
    });
    for (const State& state : states) result_.single_cuts += static_cast<std::int64_t>(state.boundaries);
    result_.restarts += static_cast<std::int64_t>(states.size());
    progress_.end(fmt::format("{} {}", thousands(static_cast<std::int64_t>(states.size())), phase));
  }

  /// What is wrong at the end of an inference; nothing when all is right.
  std::string judge(const Outcome& out, const Board& board, const QemuReference& right) const {
    if (!out.done) return out.failure;
    if (out.answer && *out.answer != right.answer) return "the answer that was delivered is wrong";
    const Memory end = board.memory();
    return end == right.end ? "" : difference(end, right.end);
  }

  /// Chains of cuts: some far apart, some one after the other, some within start-up and recovery.
  void random_chains() {
    const std::int64_t chains = job_.options.random;
    done_ = 0;
    progress_.begin("random chains", chains, "chains");
    std::atomic<std::int64_t> total = 0;
    parallel_for_worker(chains, [&](std::int64_t chain, int worker) {
      RandomStream random(job_.options.seed, 0xc4a1, static_cast<std::uint64_t>(chain));
      if (const std::string wrong = chain_of_cuts(*boards_[static_cast<std::size_t>(worker)], random, total); !wrong.empty()) {
        divergences_.report(fmt::format("random chain {} (seed {}): {}", chain, job_.options.seed, wrong));
      }
      advance();
    });
    result_.random_chains = chains;
    result_.random_cuts = total;
    progress_.end(fmt::format("{} random chains, {} cuts", thousands(chains), thousands(total)));
  }

  std::string chain_of_cuts(Board& board, RandomStream& random, std::atomic<std::int64_t>& total) {
    const std::uint64_t whole = references_[0].instructions;
    const std::uint64_t length = 1 + random.below(8);
    std::size_t offered = 0, committed = 0;
    bool delivered = false;
    board.set_memory(Memory(places_.nvm_bytes));
    for (std::uint64_t cuts = 0;; ++cuts) {
      const std::uint64_t reach = random.below(3) == 0 ? 2000 : std::max<std::uint64_t>(1, whole / (random.below(2) == 0 ? 2 : 20));
      const std::uint64_t cut = cuts < length ? 1 + random.below(reach) : 0;
      const Outcome out = board.power_on(random.next(), job_.inputs[offered], delivered, cut);
      if (!out.failure.empty()) return out.failure;
      if (out.read) committed = offered;
      if (out.answer && *out.answer != references_[committed].answer) return "the answer that was delivered is wrong";
      if (out.done) return judge(out, board, references_[committed]);
      ++total;
      delivered = delivered || out.answer.has_value();
      offered = (offered + 1) % job_.inputs.size();  // the sensor may show something else by then
    }
  }

  const CutJob& job_;
  Progress& progress_;
  Stretches stretches_;
  Places places_;
  TemporaryFolder tools_;
  std::vector<std::unique_ptr<Board>> boards_;
  std::vector<QemuReference> references_;
  std::uint64_t delivered_at_ = 0;
  std::vector<std::uint64_t> begins_;
  TwinCutResult result_;
  Divergences divergences_;
  std::mutex mutex_;
  std::atomic<std::int64_t> done_ = 0;
};

}  // namespace

TwinCutResult cut_on_qemu(const CutJob& job, Progress& progress) {
  if (job.machine.name != "m4") fail("machine {} has no non-volatile memory; expected m4 or msp430fr5994", job.machine.name);
  return QemuTester(job, progress).run();
}

}  // namespace mj
