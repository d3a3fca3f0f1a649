// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "mj/base/error.h"
#include "mj/base/npy.h"
#include "mj/cli/command.h"
#include "mj/twin/device_folder.h"
#include "mj/twin/run.h"

namespace mj::cli {
namespace {

/// int8 inputs of the network's size: a file with one or a batch of them, or a single one of zeros.
std::vector<std::byte> inputs_from(const std::string& file, const DeviceFolder& folder) {
  if (file.empty()) return std::vector<std::byte>(static_cast<std::size_t>(folder.input_bytes));
  const NpyArray array = read_npy(file);
  if (array.type != NpyType::kI8) fail("{}: elements are not int8; expected the network's own integers", file);
  if (array.count() == 0 || array.count() % folder.input_bytes != 0) {
    fail("{}: an array of {} elements; expected {}, or a batch of them", file, array.count(), folder.input_bytes);
  }
  return array.data;
}

nlohmann::ordered_json bytes_json(std::span<const std::byte> bytes) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const std::byte byte : bytes) list.push_back(static_cast<int>(static_cast<std::int8_t>(byte)));
  return list;
}

nlohmann::ordered_json count(const std::optional<std::uint64_t>& cycles) {
  return cycles ? nlohmann::ordered_json(*cycles) : nlohmann::ordered_json();
}

void print_run(const TwinRun& run) {
  fmt::print("{}: {} inference{}\n", run.title, run.inferences, run.inferences == 1 ? "" : "s");
  const std::size_t one = run.outputs.size() / run.inferences;
  for (std::size_t i = 0; i < run.inferences && i < 10; ++i) {
    std::string line;
    for (std::size_t k = 0; k < one && k < 20; ++k) {
      line += fmt::format("{}{}", k > 0 ? " " : "", static_cast<int>(static_cast<std::int8_t>(run.outputs[i * one + k])));
    }
    fmt::print("output {}{}\n", line, one > 20 ? " ..." : "");
  }
  const auto cycles = [](const std::optional<std::uint64_t>& n) { return n ? fmt::format("{:>14}", *n) : fmt::format("{:>14}", "-"); };
  fmt::print("\n{:<32} {:>14} {:>14}\n", "layer", "instructions", "cycles");
  for (const TwinLayer& layer : run.layers) {
    fmt::print("{:<32} {:>14} {}\n", layer.name.substr(0, 32), layer.instructions, cycles(layer.cycles));
  }
  fmt::print("{:<32} {:>14} {}\n", "inference", run.instructions, cycles(run.cycles));
  fmt::print("{:<32} {:>14}\n{:<32} {:>14} bytes\n", "reset to end", run.all_instructions, "stack", run.stack_bytes);
}

}  // namespace

void add_twin(CLI::App& app) {
  CLI::App* group = app.add_subcommand("twin", "firmware on emulated devices");
  group->require_subcommand(1);
  struct Options {
    CommonOptions common;
    std::string folder;
    std::string input;
    std::string output;
    TwinOptions twin;
  };
  auto options = std::make_shared<Options>();
  CLI::App& command = add_command(*group, options->common, "run", "run a firmware folder on an emulated device",
                                  "millijoule twin run firmware --machine m4 --input x.npy", false);
  command.add_option("DIR", options->folder, "folder of 'emit --target cortex-m', riscv or msp430")->required()->type_name("");
  command.add_option("--machine", options->twin.machine, "m0, m4, m55, rv32 or msp430fr5994; else the target's usual one")
      ->type_name("NAME");
  command.add_option("--input", options->input, "int8 array, one input or a batch; else zeros")->type_name("X.npy");
  command.add_option("--output", options->output, "int8 array {N,...} of all outputs of each input")->type_name("Y.npy");
  command.add_option("--limit", options->twin.limit, "instructions, beyond which the program counts as running away")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  command.callback([options] {
    const DeviceFolder folder = read_device_folder(options->folder);
    const TwinRun run = run_twin(options->folder, inputs_from(options->input, folder), options->twin);
    if (!options->output.empty()) {
      const auto n = static_cast<std::int64_t>(run.inferences);
      write_npy(options->output, {NpyType::kI8, {n, static_cast<std::int64_t>(run.outputs.size()) / n}, run.outputs});
    }
    if (!json_on_stdout(options->common)) print_run(run);
    nlohmann::ordered_json layers = nlohmann::ordered_json::array();
    for (const TwinLayer& layer : run.layers) {
      layers.push_back({{"name", layer.name}, {"instructions", layer.instructions}, {"cycles", count(layer.cycles)}});
    }
    const auto first = std::span(run.outputs).first(run.outputs.size() / run.inferences);
    write_json(options->common, {{"schema", 1},
                                 {"machine", run.machine},
                                 {"inferences", run.inferences},
                                 {"instructions", run.instructions},
                                 {"cycles", count(run.cycles)},
                                 {"all_instructions", run.all_instructions},
                                 {"stack_bytes", run.stack_bytes},
                                 {"output", bytes_json(first)},
                                 {"layers", layers}});
  });
}

}  // namespace mj::cli
