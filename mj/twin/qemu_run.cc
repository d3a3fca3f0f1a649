// SPDX-License-Identifier: Apache-2.0

// A firmware folder's program on QEMU. Inputs and outputs are files that it reaches by semihosting.
#include <fmt/format.h>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/temporary_folder.h"
#include "mj/twin/emulators.h"
#include "mj/twin/marks.h"
#include "mj/twin/qemu.h"

namespace mj {
TwinRun run_on_qemu(const DeviceFolder& folder, const DeviceMachine& machine, const DeviceJob& job,
                    std::span<const std::byte> inputs, std::uint64_t limit) {
  const Marks marks = find_marks(job.program, folder);
  const QemuStack stack = stack_of(job.program);
  const TemporaryFolder work;
  write_file(work.path() / "input.bin", inputs);
  QemuRun request{machine, job.program, job.elf, compile_qemu_plugin(work.path()), {}, {}, {}};
  request.arguments = fmt::format(",limit={},guard={},top={},mark={},mark={}", limit, stack.limit - kGuardBytes, stack.top,
                                  marks.begin, marks.end);
  for (const auto& [address, layer] : marks.layers) request.arguments += fmt::format(",mark={}", address);
  const QemuAnswers answers = run_qemu(request, work.path());
  if (answers.limit) fail("still running after {} instructions, at {}", limit, job.program.describe(*answers.limit));

  TwinRun run;
  if (std::filesystem::exists(work.path() / "output.bin")) run.outputs = read_file(work.path() / "output.bin");
  run.all_instructions = answers.instructions;
  run.stack_bytes = static_cast<Bytes>(stack.top - answers.lowest_store);
  count_first_inference(run, marks, answers.passages, folder);
  return run;
}

}  // namespace mj
