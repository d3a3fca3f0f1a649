// SPDX-License-Identifier: Apache-2.0

// A firmware folder's program on the MSP430 core.
#include "mj/base/error.h"
#include "mj/twin/emulators.h"
#include "mj/twin/marks.h"
#include "mj/twin/msp430/machine.h"
#include "mj/twin/msp430_board.h"

namespace mj {

TwinRun run_on_msp430_core(const DeviceFolder& folder, const DeviceJob& job, std::span<const std::byte> inputs,
                           std::uint64_t limit) {
  TwinRun run;
  const Marks marks = find_marks(job.program, folder);
  msp430::MachineOptions options;
  options.watchdog = true;
  msp430::Machine machine(job.program, options);
  Msp430Board board(machine);
  machine.add_breakpoint(marks.begin);
  machine.add_breakpoint(marks.end);
  for (const auto& [address, layer] : marks.layers) machine.add_breakpoint(address);

  std::vector<Passage> passages;
  const auto one = static_cast<std::size_t>(folder.input_bytes);
  for (std::size_t at = 0;;) {
    if (machine.instructions() >= limit) {
      fail("still running after {} instructions, at {}", limit, job.program.describe(machine.pc()));
    }
    const msp430::Stop stop = machine.run(limit - machine.instructions());
    if (stop.reason == msp430::StopReason::kHalted) break;
    if (stop.reason == msp430::StopReason::kLimit) continue;
    if (stop.reason == msp430::StopReason::kCpuOff) {
      fail("processor switched off before {}; nothing wakes it", job.program.describe(stop.address));
    }
    if (stop.reason != msp430::StopReason::kBreakpoint) fail("{}", stop.message);
    if (passages.size() < 100000) passages.push_back({stop.address, machine.instructions(), machine.cycles()});
    if (board.at_read() && at < inputs.size()) {
      board.give(inputs.subspan(at, one));
      at += one;
    } else if (board.at_read()) {
      board.give_none();
    } else if (board.at_write()) {
      const auto output = board.take();
      run.outputs.insert(run.outputs.end(), output.begin(), output.end());
    }
  }
  run.all_instructions = machine.instructions();
  run.stack_bytes = static_cast<Bytes>(machine.symbol("__stack_top")) - machine.stack_low().value_or(0);
  count_first_inference(run, marks, passages, folder);
  return run;
}

}  // namespace mj
