// SPDX-License-Identifier: Apache-2.0

// A firmware folder's program on the MSP430 core: its board functions are served when it comes to them.
#include "mj/base/error.h"
#include "mj/twin/emulators.h"
#include "mj/twin/marks.h"
#include "mj/twin/msp430/machine.h"

namespace mj {
namespace {

constexpr unsigned kFirstArgument = 12;  // MSP430 EABI: R12, R13, ...

/// Returns from the function that is about to begin.
void return_from(msp430::Machine& machine) {
  const std::uint32_t sp = machine.reg(1);
  const auto word = machine.memory(sp, 2);
  machine.set_reg(0, std::to_integer<std::uint32_t>(word[0]) | std::to_integer<std::uint32_t>(word[1]) << 8);
  machine.set_reg(1, sp + 2);
}

}  // namespace

TwinRun run_on_msp430_core(const DeviceFolder& folder, const DeviceJob& job, std::span<const std::byte> inputs,
                           std::uint64_t limit) {
  TwinRun run;
  const Marks marks = find_marks(job.program, folder);
  msp430::MachineOptions options;
  options.watchdog = true;
  msp430::Machine machine(job.program, options);
  const std::uint32_t read = machine.symbol("board_read");
  const std::uint32_t write = machine.symbol("board_write");
  machine.add_breakpoint(read);
  machine.add_breakpoint(write);
  machine.add_breakpoint(marks.begin);
  machine.add_breakpoint(marks.end);
  for (const auto& [address, layer] : marks.layers) machine.add_breakpoint(address);

  std::vector<Passage> passages;
  std::size_t at = 0;
  for (;;) {
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
    const std::uint32_t pointer = machine.reg(kFirstArgument);
    const std::uint32_t bytes = machine.reg(kFirstArgument + 1);
    if (stop.address == read) {
      const bool more = at < inputs.size();
      if (more) {
        if (bytes != static_cast<std::uint32_t>(folder.input_bytes)) {
          fail("the program reads {} bytes; expected the network's {}", bytes, folder.input_bytes);
        }
        machine.write_memory(pointer, inputs.subspan(at, bytes));
        at += bytes;
      }
      machine.set_reg(kFirstArgument, more ? 1 : 0);
      return_from(machine);
    } else if (stop.address == write) {
      const auto output = machine.memory(pointer, bytes);
      run.outputs.insert(run.outputs.end(), output.begin(), output.end());
      return_from(machine);
    }
  }
  run.all_instructions = machine.instructions();
  run.stack_bytes = static_cast<Bytes>(machine.symbol("__stack_top")) - machine.stack_low().value_or(0);
  count_first_inference(run, marks, passages, folder);
  return run;
}

}  // namespace mj
