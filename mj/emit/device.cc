// SPDX-License-Identifier: Apache-2.0

// Firmware for a device: what main.c, Makefile and linker scripts are there.
#include "mj/emit/device.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "mj/base/error.h"
#include "mj/emit/machines.h"
#include "mj/emit/runtime_files.h"

namespace mj {
namespace {

std::string continuous_main(const DeviceProgram& program, const std::string& writes) {
  return fmt::format(R"(/* SPDX-License-Identifier: MIT-0 */
/* Runs the network on every input that the board has. To use it in your own program, keep the calls of {0}_*. */
#include "board.h"
#include "{0}.h"

static {0}_state state;

int main(void) {{
  {0}_init(&state);
  while (board_read({0}_input(&state), {1}_INPUT_BYTES)) {{
    {0}_infer(&state);
{2}  }}
  return 0;
}}
)",
                     program.name, program.macro, writes);
}

std::string intermittent_main(const DeviceProgram& program, const std::string& writes) {
  return fmt::format(R"(/* SPDX-License-Identifier: MIT-0 */
/* Runs the network on every input that the board has, whenever and however often power fails. To use it in your own
   program, keep the calls of {0}_*. */
#include "board.h"
#include "{0}.h"

MJ_NONVOLATILE static {0}_nonvolatile kept;
MJ_NONVOLATILE static int8_t input[{1}_INPUT_BYTES]; /* read again when power failed before it was stored */
static {0}_state state;

int main(void) {{
  {0}_recover(&state, &kept);
  for (;;) {{
    switch ({0}_phase(&state)) {{
      case {1}_WAITING:
        if (!board_read(input, {1}_INPUT_BYTES)) {{
          return 0;
        }}
        {0}_set_input(&state, input);
        break;
      case {1}_WORKING:
        {0}_infer(&state);
        break;
      default:
{2}        {0}_next(&state);
        break;
    }}
  }}
}}
)",
                     program.name, program.macro, writes);
}

std::string main_text(const DeviceProgram& program) {
  std::string writes;
  for (std::size_t k = 0; k < program.outputs; ++k) {
    writes += fmt::format("{0}board_write({1}_output(&state, {3}), {2}_OUTPUT{3}_BYTES);\n",
                          program.intermittent ? "        " : "    ", program.name, program.macro, k);
  }
  return program.intermittent ? intermittent_main(program, writes) : continuous_main(program, writes);
}

std::string region(std::string_view name, std::string_view access, const DeviceMachine::Memory& memory) {
  return fmt::format("  {} ({}) : ORIGIN = {:#010x}, LENGTH = {:#x}\n", name, access, memory.first, memory.bytes);
}

/// The memory map of one machine; everything else is in sections.ld.
std::string linker_script(const DeviceMachine& machine) {
  std::string text = fmt::format("/* SPDX-License-Identifier: MIT-0 */\n/* {} */\nMEMORY {{\n", machine.title);
  text += region("ROM", "rx", machine.rom) + region("RAM", "rwx", machine.ram);
  if (machine.nvm.bytes > 0) text += region("NVM", "rw", machine.nvm);
  text += "}\n";
  if (machine.nvm.bytes == 0) text += "REGION_ALIAS(\"NVM\", RAM)\n";
  return text + "INCLUDE sections.ld\n";
}

std::string gcc_makefile(const DeviceProgram& program, const std::string& target, const std::string& sources,
                         const std::string& headers) {
  const bool arm = target == "cortex-m";
  std::string flags;
  for (const DeviceMachine& machine : device_machines()) {
    if (machine.target == target) flags += fmt::format("FLAGS_{} = {}\n", machine.name, machine.flags);
  }
  return fmt::format(R"(# SPDX-License-Identifier: MIT-0
# make [MACHINE=...]: build/MACHINE/{0}.elf. make size: its memory, as the report counts it.
MACHINE = {1}
CROSS = {2}
CC = $(CROSS)gcc
CFLAGS = -O3
STACK = 1024
WARNINGS = -std=c99 -pedantic -Wall -Wextra -Wconversion -Werror
{3}FLAGS = $(FLAGS_$(MACHINE)) -ffunction-sections -fdata-sections{4} -DMJ_LAYER_LABELS
SOURCES = {5}
HEADERS = {6}
OUT = build/$(MACHINE)
OBJECTS = $(addprefix $(OUT)/,$(addsuffix .o,$(basename $(SOURCES))))

$(OUT)/{0}.elf: $(OBJECTS) $(MACHINE).ld sections.ld
	$(CC) $(FLAGS) -nostartfiles{7} -T $(MACHINE).ld -Wl,--gc-sections,--no-warn-rwx-segments,--defsym=mj_stack_bytes=$(STACK),-Map=$(OUT)/{0}.map -o $@ $(OBJECTS){8}

$(OUT)/%.o: %.c $(HEADERS) | $(OUT)
	$(CC) $(WARNINGS) $(FLAGS) $(CFLAGS) -c -o $@ $<

$(OUT)/%.o: %.S | $(OUT)
	$(CC) $(FLAGS) -c -o $@ $<

$(OUT):
	mkdir -p $@

size: $(OUT)/{0}.elf
	@$(CROSS)size -A $< | awk '$$1 ~ /^\.(text|rodata|data|persistent)$$/ {{nvm += $$2}} $$1 ~ /^\.(data|bss|stack)$$/ {{ram += $$2}} END {{print "nvm_bytes " nvm; print "ram_bytes " ram}}'
	@$(CROSS)size -A $(OUT)/{0}.o | awk '$$1 ~ /^\.rodata/ {{constants += $$2}} END {{print "constant_bytes " constants}}'
	@$(CROSS)nm -S -t d $(OUT)/main.o | awk '$$4 == "state" {{print "state_bytes " $$2 + 0}} $$4 == "kept" {{print "nvm_state_bytes " $$2 + 0}}'

clean:
	rm -rf build

.PHONY: size clean
)",
                     program.name, default_machine(target).name, arm ? "arm-none-eabi-" : "riscv64-unknown-elf-", flags,
                     arm ? "" : " -ffreestanding", sources, headers, arm ? " --specs=nosys.specs" : " -nostdlib",
                     arm ? "" : " -lgcc");
}

std::string msp430_makefile(const DeviceProgram& program, const std::string& sources, const std::string& headers, bool far) {
  return fmt::format(R"(# SPDX-License-Identifier: MIT-0
# make: build/msp430fr5994/{0}.elf, with clang and lld. make size: its memory, as the report counts it.
MACHINE = msp430fr5994
CC = clang
CFLAGS = -O2
STACK = 320
WARNINGS = -std=c99 -pedantic -Wall -Wextra -Wconversion -Werror
FLAGS = --target=msp430 -ffreestanding -ffunction-sections -fdata-sections -DMJ_LAYER_LABELS{3}
SOURCES = {1}
HEADERS = {2}
OUT = build/$(MACHINE)
OBJECTS = $(addprefix $(OUT)/,$(addsuffix .o,$(basename $(SOURCES))))

# Without -N the headers of the file would be loaded over the peripherals.
$(OUT)/{0}.elf: $(OBJECTS) link.ld
	ld.lld -m msp430elf -N --gc-sections --defsym=__stack_bytes=$(STACK) -Map=$(OUT)/{0}.map -T link.ld -o $@ $(OBJECTS)

$(OUT)/%.o: %.c $(HEADERS) | $(OUT)
	$(CC) $(WARNINGS) $(FLAGS) $(CFLAGS) -c -o $@ $<

$(OUT)/%.o: %.S | $(OUT)
	$(CC) $(FLAGS) -c -o $@ $<

$(OUT):
	mkdir -p $@

size: $(OUT)/{0}.elf
	@llvm-size -A $< | awk '$$1 ~ /^\.(text|rodata|far|data|vectors|persistent)$$/ {{nvm += $$2}} $$1 ~ /^\.(data|bss)$$/ {{ram += $$2}} END {{print "nvm_bytes " nvm; print "ram_bytes " ram + $(STACK)}}'
	@llvm-size -A $(filter %/{0}.o %/{0}_far.o,$(OBJECTS)) | awk '$$1 ~ /^\.(rodata|far)/ {{constants += $$2}} END {{print "constant_bytes " constants}}'
	@llvm-nm -S -t d $(OUT)/main.o | awk '$$4 == "state" {{print "state_bytes " $$2 + 0}} $$4 == "kept" {{print "nvm_state_bytes " $$2 + 0}}'

clean:
	rm -rf build

.PHONY: size clean
)",
                     program.name, sources, headers, far ? " -DMJ_FAR_WEIGHTS" : "");
}

std::string paragraph(const DeviceProgram& program, const std::string& target) {
  std::vector<std::string> machines;
  for (const DeviceMachine& machine : device_machines()) {
    if (machine.target == target) machines.push_back(fmt::format("`{}` {}", machine.name, machine.title));
  }
  return fmt::format("`make` links `build/MACHINE/{0}.elf` for a {1} device (MACHINE: {2}); `make size` prints its memory.\n"
                     "`main.c` runs the network on what `board.h` gives it; `board.c` serves an emulator: write your own for\n"
                     "your board. `millijoule twin run` runs this folder on an emulated device.",
                     program.name, target, fmt::join(machines, ", "));
}

}  // namespace

void package_for_device(Firmware& firmware, const DeviceProgram& program, const std::string& target) {
  const auto& runtime = runtime_files();
  const auto add = [&](const std::string& name, const std::string& from) { firmware[name] = runtime.at(from); };
  firmware["main.c"] = main_text(program);
  add("board.h", "device/board.h");
  std::vector<std::string> sources{"main.c", "board.c"};
  if (target == "msp430") {
    add("board.c", "msp430/board.c");
    add("start.S", "msp430/start.S");
    add("arithmetic.S", "msp430/arithmetic.S");
    add("link.ld", "msp430/link.ld");
    sources.insert(sources.end(), {"start.S", "arithmetic.S"});
  } else {
    add("board.c", "device/semihosting.c");
    add("sections.ld", target + "/sections.ld");
    const std::string start = target == "riscv" ? "start.S" : "start.c";
    add(start, target + "/" + start);
    sources.push_back(start);
    if (target == "riscv") {
      add("memory.c", "riscv/memory.c");
      sources.push_back("memory.c");
    }
    for (const DeviceMachine& machine : device_machines()) {
      if (machine.target == target) firmware[machine.name + ".ld"] = linker_script(machine);
    }
  }
  std::vector<std::string> headers;
  for (const auto& [name, text] : firmware) {
    if (name.ends_with(".h")) headers.push_back(name);
    const bool own = std::ranges::find(sources, name) != sources.end();
    if ((name.ends_with(".c") || name == program.name + "_far.S") && !own) sources.push_back(name);
  }
  const bool far = firmware.contains(program.name + "_far.S");
  const std::string source_list = fmt::format("{}", fmt::join(sources, " "));
  const std::string header_list = fmt::format("{}", fmt::join(headers, " "));
  firmware["Makefile"] = target == "msp430" ? msp430_makefile(program, source_list, header_list, far)
                                            : gcc_makefile(program, target, source_list, header_list);
  std::string& readme = firmware["README.md"];
  const std::size_t begin = readme.find("`make` builds");
  MJ_CHECK(begin != std::string::npos);
  readme.replace(begin, readme.find("\n\n", begin) - begin, paragraph(program, target));
}

}  // namespace mj
