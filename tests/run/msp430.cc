// SPDX-License-Identifier: Apache-2.0
#include "msp430.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "compiled.h"
#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/process.h"
#include "mj/emit/c_text.h"

namespace mj {
namespace {

const char* const kMultiplier = "-DMJ_MPY_BASE=0x0130";

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// What mspdebug prints for these commands.
std::string debug(const Msp430Program& program, std::vector<std::string> commands) {
  std::vector<std::string> command{"timeout", "300", "mspdebug", "-n", "-q", "sim", "simio add hwmult multiplier",
                                   "simio add tracer counter", "prog " + program.elf.string()};
  command.insert(command.end(), commands.begin(), commands.end());
  const ProcessResult result = run_process(command);
  if (result.exit_code != 0) {
    fail("mspdebug ended with {}: {}", result.exit_code, result.errors);
  }
  return text_of(result.output);
}

std::int64_t counted_instructions(const std::string& output) {
  const std::string label = "Instruction count:";
  const std::size_t at = output.rfind(label);
  if (at == std::string::npos) {
    fail("mspdebug did not reach _halt:\n{}", output.substr(0, 2000));
  }
  return std::stoll(output.substr(at + label.size()));
}

/// The bytes of `md`: lines "    01c00: 80 7f ...  |..|".
std::vector<std::byte> dumped_bytes(const std::string& output, Bytes count) {
  std::vector<std::byte> bytes;
  std::istringstream lines(output.substr(output.rfind("Instruction count:")));
  std::string line;
  while (std::getline(lines, line) && static_cast<Bytes>(bytes.size()) < count) {
    const std::size_t colon = line.find(": ");
    const std::size_t bar = line.find('|');
    if (colon == std::string::npos || bar == std::string::npos) {
      continue;
    }
    std::istringstream digits(line.substr(colon + 2, bar - colon - 2));
    for (std::string pair; digits >> pair && static_cast<Bytes>(bytes.size()) < count;) {
      bytes.push_back(static_cast<std::byte>(std::stoi(pair, nullptr, 16)));
    }
  }
  if (static_cast<Bytes>(bytes.size()) != count) {
    fail("mspdebug dumped {} bytes; expected {}", bytes.size(), count);
  }
  return bytes;
}

}  // namespace

bool has_msp430_tools(std::string& missing) {
  missing.clear();
  for (const char* tool : {"clang", "ld.lld", "mspdebug"}) {
    if (!has_program(tool)) {
      missing += missing.empty() ? tool : fmt::format(", {}", tool);
    }
  }
  return missing.empty();
}

Msp430Program build_for_msp430(const Firmware& firmware, const Graph& graph, const Tensor& input,
                               const std::filesystem::path& folder) {
  write_firmware(folder, firmware);
  std::string main = "#include \"net.h\"\n\nnet_state state;\n";
  main += array_definition("int8_t", "input", input.as<std::int8_t>());
  main += R"(
int main(void) {
  uint16_t i;
  int8_t* to = net_input(&state);
  for (i = 0; i < NET_INPUT_BYTES; ++i) {
    to[i] = input[i];
  }
  net_infer(&state);
  return 0;
}
)";
  write_file(folder / "main.c", main);
  const std::filesystem::path support = std::filesystem::path(MJ_SOURCE_DIR) / "runtime" / "msp430";
  std::vector<std::string> link{"ld.lld", "-m", "msp430elf", "-N", "--gc-sections", "-T", (support / "link.ld").string(),
                                "-o", "net.elf"};
  for (const char* file : {"start", "arithmetic"}) {
    const std::string object = fmt::format("{}.o", file);
    run_or_fail({"clang", "--target=msp430", kMultiplier, "-c", (support / file).string() + ".S", "-o", object}, folder);
    link.push_back(object);
  }
  for (const auto& [name, text] : firmware) {
    if (!name.ends_with(".c")) {
      continue;
    }
    run_or_fail({"clang", "--target=msp430", "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror",
                 "-ffreestanding", "-ffunction-sections", "-fdata-sections", "-O2", kMultiplier, "-c", name, "-o",
                 name + ".o"},
                folder);
    link.push_back(name + ".o");
  }
  run_or_fail(link, folder);
  return {folder / "net.elf", state_bytes(graph)};
}

Msp430Run run_on_msp430(const Msp430Program& program) {
  const std::string output =
      debug(program, {"setbreak net_infer", "run", "simio config counter clear", "setbreak _halt", "run",
                      "simio info counter", fmt::format("md state 0x{:x}", program.state_bytes)});
  return {dumped_bytes(output, program.state_bytes), counted_instructions(output)};
}

std::vector<std::byte> outputs_in_state(const Graph& graph, const std::vector<std::byte>& state) {
  std::vector<std::byte> bytes;
  const Bytes arena = scratch_bytes(graph);
  for (const ValueId output : graph.outputs) {
    const auto buffer = std::ranges::find(graph.plan->buffers, output, &Buffer::value);
    const auto first = state.begin() + static_cast<std::ptrdiff_t>(arena + buffer->offset);
    bytes.insert(bytes.end(), first, first + static_cast<std::ptrdiff_t>(graph.type(output).bytes()));
  }
  return bytes;
}

int msp430_instruction_cycles(std::uint16_t word) {
  const unsigned opcode = word >> 12;
  if (opcode == 2 || opcode == 3) {
    return 2;  // jumps, taken or not
  }
  // Addressing modes of an operand; the constants that registers 2 and 3 stand for cost what a register does.
  enum Mode { kRegister, kIndexed, kAbsolute, kIndirect, kImmediate };
  const auto source_mode = [](unsigned reg, unsigned as) {
    const bool constant = reg == 3 || (reg == 2 && as >= 2);
    if (as == 0 || constant) return kRegister;
    if (as == 1) return reg == 2 ? kAbsolute : kIndexed;
    return as == 3 && reg == 0 ? kImmediate : kIndirect;
  };
  if (opcode == 1) {
    const Mode mode = source_mode(word & 15u, (word >> 4) & 3u);
    switch ((word >> 7) & 7u) {
      case 4:  // push
        return mode == kIndexed || mode == kAbsolute ? 4 : 3;
      case 5:  // call
        return mode == kAbsolute ? 6 : mode == kIndexed ? 5 : 4;
      case 6:  // reti
        return 5;
      default:
        return mode == kRegister ? 1 : mode == kIndirect ? 3 : 4;
    }
  }
  MJ_CHECK(opcode >= 4);
  const Mode mode = source_mode((word >> 8) & 15u, (word >> 4) & 3u);
  const unsigned target = word & 15u;
  const bool to_memory = ((word >> 7) & 1u) != 0;
  if (!to_memory && target == 0) {  // to the program counter: a branch
    return mode == kRegister || mode == kImmediate ? 3 : mode == kIndirect ? 4 : 5;
  }
  const int to_register = mode == kRegister ? 1 : mode == kIndexed || mode == kAbsolute ? 3 : 2;
  if (!to_memory) {
    return to_register;
  }
  // mov, bit and cmp do not write back what they read.
  const bool shorter = opcode == 4 || opcode == 9 || opcode == 11;
  return to_register + 3 - (shorter ? 1 : 0);
}

namespace {

/// First words of the instructions that `steps` steps from now execute, of which mspdebug shows each before it runs.
std::vector<std::uint16_t> executed_words(const std::string& output, std::int64_t steps) {
  // After registers, "    ( R3: ...", comes the name of a place and a disassembly: "    04048: b1 90 30 75 ...".
  std::vector<std::uint16_t> words;
  std::istringstream lines(output);
  bool registers = false;
  for (std::string line; std::getline(lines, line) && static_cast<std::int64_t>(words.size()) < steps;) {
    if (line.find("( R3:") != std::string::npos) {
      registers = true;
      continue;
    }
    if (!registers || line.size() < 16 || line.compare(0, 4, "    ") != 0 || line[9] != ':') {
      continue;
    }
    registers = false;
    unsigned low = 0, high = 0;
    std::from_chars(line.data() + 11, line.data() + 13, low, 16);
    std::from_chars(line.data() + 14, line.data() + 16, high, 16);
    words.push_back(static_cast<std::uint16_t>(low | high << 8));
  }
  MJ_CHECK(static_cast<std::int64_t>(words.size()) == steps);
  return words;
}

}  // namespace

Msp430Cycles count_msp430_cycles(const Msp430Program& program) {
  constexpr std::int64_t kChunk = 50000;  // about 25 MB of text
  Msp430Cycles total;
  total.instructions = run_on_msp430(program).instructions;
  const std::filesystem::path script = program.elf.parent_path() / "steps";
  for (std::int64_t done = 0; done < total.instructions; done += kChunk) {
    const std::int64_t steps = std::min(kChunk, total.instructions - done);
    std::string commands;
    for (std::int64_t i = 0; i < steps; ++i) {
      commands += "step\n";
    }
    write_file(script, commands);
    std::vector<std::string> debugging{"setbreak net_infer", "run"};
    if (done > 0) {
      debugging.push_back(fmt::format("step 0x{:x}", done));
    }
    debugging.push_back("read " + script.string());
    // The instruction that is next is shown before the first step too, and after the last.
    for (const std::uint16_t word : executed_words(debug(program, debugging), steps)) {
      total.cycles += msp430_instruction_cycles(word);
    }
  }
  return total;
}

}  // namespace mj
