// SPDX-License-Identifier: Apache-2.0

// The MSP430 core on intermittent firmware: speed, snapshot, and power cut with restart. Needs clang and lld.
#include <benchmark/benchmark.h>

#include <filesystem>

#include "mj/arch/architecture.h"
#include "mj/base/temporary_folder.h"
#include "mj/emit/emit.h"
#include "mj/emit/machines.h"
#include "mj/pass/lower.h"
#include "mj/pass/plan_units.h"
#include "mj/twin/device_folder.h"
#include "mj/twin/msp430/machine.h"
#include "mj/twin/msp430_board.h"

namespace mj {
namespace {

/// A small residual network in the middle of its work.
class Firmware430 {
 public:
  static Firmware430& one() {
    static Firmware430 firmware;
    return firmware;
  }

  msp430::Machine fresh() const {
    msp430::Machine machine(program_, {.watchdog = true});
    Msp430Board board(machine);
    machine.run(1'000'000);
    if (board.at_read()) board.give(input_);
    return machine;
  }

 private:
  Firmware430() {
    const Platform platform = find_platform("msp430fr5994");
    const Graph graph = lower_for_estimate(build(parse_architecture("resnet-8-w8-s2"), {28, 28, 1}, 10, 1));
    const Graph planned = plan_units(graph, platform, {.charge = parse_energy("500 uJ"), .word_bytes = 1});
    write_firmware(folder_.path() / "net", emit(planned, {.name = "net", .target = "msp430"}, &platform));
    std::filesystem::path elf;
    const DeviceFolder device = read_device_folder(folder_.path() / "net");
    program_ = build_program(device, find_machine("msp430fr5994"), elf);
    input_.resize(static_cast<std::size_t>(device.input_bytes));
  }
  TemporaryFolder folder_;
  ElfProgram program_;
  std::vector<std::byte> input_;
};

/// Inference after inference, as far as the board is next asked for something.
void run_instructions(benchmark::State& state) {
  msp430::Machine machine = Firmware430::one().fresh();
  const msp430::Snapshot start = machine.snapshot();
  std::int64_t instructions = 0;
  for (auto _ : state) {
    const std::uint64_t before = machine.instructions();
    const msp430::StopReason reason = machine.run(100'000).reason;
    instructions += static_cast<std::int64_t>(machine.instructions() - before);
    if (reason != msp430::StopReason::kLimit) machine.restore(start);
  }
  state.SetItemsProcessed(instructions);
}
BENCHMARK(run_instructions);

void snapshot_and_restore(benchmark::State& state) {
  msp430::Machine machine = Firmware430::one().fresh();
  machine.run(1'000'000);
  msp430::Snapshot snapshot = machine.snapshot();
  for (auto _ : state) {
    machine.save(snapshot);
    machine.run(100);
    machine.restore(snapshot);
  }
}
BENCHMARK(snapshot_and_restore);

/// Snapshot, cut, and the restart as far as the first instruction of the unit that is repeated.
void cut_and_restart(benchmark::State& state) {
  msp430::Machine machine = Firmware430::one().fresh();
  machine.run(1'000'000);
  machine.add_breakpoint(machine.symbol("mj_find_unit"));
  const msp430::Snapshot snapshot = machine.snapshot();
  std::uint64_t noise = 0;
  std::uint64_t instructions = 0;
  for (auto _ : state) {
    machine.restore(snapshot);
    machine.cut_power(++noise);
    const std::uint64_t before = machine.instructions();
    if (machine.run(1'000'000).reason != msp430::StopReason::kBreakpoint) state.SkipWithError("no unit came");
    instructions = machine.instructions() - before;
  }
  state.counters["instructions"] = static_cast<double>(instructions);
}
BENCHMARK(cut_and_restart);

}  // namespace
}  // namespace mj

BENCHMARK_MAIN();
