// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/run.h"

#include "mj/base/error.h"
#include "mj/twin/emulators.h"
#include "mj/twin/device_folder.h"

namespace mj {

TwinRun run_twin(const std::filesystem::path& path, std::span<const std::byte> inputs, const TwinOptions& options) {
  const DeviceFolder folder = read_device_folder(path);
  if (folder.target == "host") {
    fail("{}: emitted for target host; expected 'emit --target cortex-m', riscv or msp430", path.string());
  }
  check_target(folder.target);
  const DeviceMachine& machine = options.machine.empty() ? default_machine(folder.target) : find_machine(options.machine);
  const auto one = static_cast<std::size_t>(folder.input_bytes);
  if (inputs.empty() || inputs.size() % one != 0) {
    fail("{} bytes of input; expected a multiple of {}, the network's", inputs.size(), one);
  }
  DeviceJob job;
  job.program = build_program(folder, machine, job.elf);
  return with_context(job.elf.string(), [&] {
    TwinRun run = machine.target == "msp430" ? run_on_msp430_core(folder, job, inputs, options.limit)
                                             : run_on_qemu(folder, machine, job, inputs, options.limit);
    run.machine = machine.name;
    run.title = machine.title;
    Bytes expected = 0;
    for (const Bytes bytes : folder.output_bytes) expected += bytes;
    run.inferences = inputs.size() / one;
    if (run.outputs.size() != run.inferences * static_cast<std::size_t>(expected)) {
      fail("{} bytes of output for {} inputs; expected {} each", run.outputs.size(), run.inferences, expected);
    }
    return run;
  });
}

}  // namespace mj
