// SPDX-License-Identifier: Apache-2.0

// Rows of the tables in docs/results/devices.md: what networks take on emulated machines, and what was predicted. Run by
// devices.sh. A NETWORK is a model file or ARCHITECTURE@HxWxC with random weights, and may end in /ENCODING/PERCENT: weights
// stored so, that share of them kept.
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "mj/arch/architecture.h"
#include "mj/base/error.h"
#include "mj/base/process.h"
#include "mj/base/random.h"
#include "mj/base/temporary_folder.h"
#include "mj/base/text.h"
#include "mj/emit/emit.h"
#include "mj/emit/machines.h"
#include "mj/io/onnx.h"
#include "mj/ir/evaluate.h"
#include "mj/pass/lower.h"
#include "mj/platform/platform.h"
#include "mj/twin/calibration/networks.h"
#include "mj/twin/run.h"

namespace mj {
namespace {

constexpr int kInputs = 20;  // whose outputs are compared

Graph random_network(const std::string& text, std::size_t at) {
  Shape input(3);
  if (std::sscanf(text.c_str() + at + 1, "%ldx%ldx%ld", &input[0], &input[1], &input[2]) != 3) fail("'{}': expected ARCHITECTURE@HxWxC", text);
  const Graph simple = simplify(build(parse_architecture(text.substr(0, at)), input, 10, 1));
  RandomStream random(5);
  std::vector<Tensor> images;
  for (int i = 0; i < 4; ++i) {
    Tensor image = make_tensor(simple.type(simple.inputs[0]));
    for (float& element : image.as<float>()) element = static_cast<float>(random.normal());
    images.push_back(std::move(image));
  }
  return lower(simple, calibrate(simple, images));
}

Graph network(const std::string& text) {
  const std::size_t at = text.find('@');
  if (at == std::string::npos) return lower(read_model(text), {});
  const std::size_t slash = text.find('/', at);
  Graph graph = random_network(text.substr(0, slash), at);
  if (slash == std::string::npos) return graph;
  const std::size_t percent = text.find('/', slash + 1);
  const auto encoding = find_encoding(text.substr(slash + 1, percent - slash - 1));
  if (!encoding || percent == std::string::npos) fail("'{}': expected /ENCODING/PERCENT at its end", text);
  const double density = std::stod(text.substr(percent + 1)) / 100;
  return with_encoded_weights(std::move(graph), *encoding, {&density, 1}, 7);
}

std::string shown(const std::string& name) {
  return name.find('@') == std::string::npos ? std::filesystem::path(name).stem().string() : name;
}

std::vector<std::byte> random_inputs(const Graph& graph, int count) {
  RandomStream random(6);
  std::vector<std::byte> inputs(static_cast<std::size_t>(graph.type(graph.inputs[0]).bytes() * count));
  for (std::byte& byte : inputs) byte = static_cast<std::byte>(random.next() >> 56);
  return inputs;
}

TwinRun run_on(const DeviceMachine& machine, const Graph& graph, std::span<const std::byte> inputs) {
  const TemporaryFolder folder;
  write_firmware(folder.path() / "net", emit(graph, {.name = "net", .target = std::string(machine.target)}));
  return run_twin(folder.path() / "net", inputs, {.machine = std::string(machine.name)});
}

std::string count_text(std::uint64_t count) { return thousands(static_cast<std::int64_t>(count)); }

/// | network | multiply-accumulates | emulated | predicted | error |
void predicted(const std::string& name, const DeviceMachine& machine, const Platform& platform, bool by_layer) {
  const Graph graph = network(name);
  const Estimate guess = estimate(graph, platform);
  const TwinRun run = run_on(machine, graph, random_inputs(graph, 1));
  const auto count = static_cast<double>(run.cycles.value_or(run.instructions));
  fmt::print("| {} | {} | {} | {} | {:+.1f} % |\n", shown(name), thousands(total_macs(graph)), thousands(static_cast<std::int64_t>(count)),
             thousands(std::llround(guess.cycles)), 100 * (guess.cycles / count - 1));
  if (!by_layer) return;
  for (const TwinLayer& layer : run.layers) {
    for (const LayerEstimate& part : guess.layers) {
      if (part.name != layer.name) continue;
      const auto cycles = static_cast<double>(layer.cycles.value_or(layer.instructions));
      fmt::print("|   {} | {} {} | {} | {:.0f} | {:+.1f} % |\n", layer.name, kernel_name(part.cost.kernel), part.cost.macs, cycles, part.cycles,
                 100 * (part.cycles / cycles - 1));
    }
  }
}

/// | network | machine | instructions | cycles | stack | bytes of output | differ |
void outputs(const std::string& name) {
  const Graph graph = network(name);
  const std::vector<std::byte> inputs = random_inputs(graph, kInputs);
  const Evaluator evaluator(graph);
  std::vector<std::byte> expected;
  for (int i = 0; i < kInputs; ++i) {
    Tensor input = make_tensor(graph.type(graph.inputs[0]));
    const auto size = static_cast<std::ptrdiff_t>(input.data.size());
    std::copy_n(inputs.begin() + i * size, size, input.data.begin());
    for (const Tensor& output : evaluator.run(input)) expected.insert(expected.end(), output.data.begin(), output.data.end());
  }
  const auto row = [&](const std::string& machine, const std::string& counts, const std::vector<std::byte>& got) {
    std::size_t differ = got.size() == expected.size() ? 0 : expected.size();
    for (std::size_t i = 0; i < std::min(got.size(), expected.size()); ++i) differ += got[i] != expected[i];
    fmt::print("| {} | {} | {} | {} | {} |\n", shown(name), machine, counts, count_text(expected.size()), count_text(differ));
    std::fflush(stdout);
  };
  const TemporaryFolder host;
  write_firmware(host.path() / "net", emit(graph, {.name = "net"}));
  if (const ProcessResult made = run_process({"make", "-s"}, {}, host.path() / "net"); made.exit_code != 0) fail("{}", made.errors);
  row("host", " |  | ", run_process({(host.path() / "net" / "net_run").string()}, inputs).output);
  for (const DeviceMachine& machine : device_machines()) {
    try {
      const TwinRun run = run_on(machine, graph, inputs);
      row(machine.name, fmt::format("{} | {} | {}", count_text(run.instructions), run.cycles ? count_text(*run.cycles) : "", run.stack_bytes),
          run.outputs);
    } catch (const Error& error) {
      const std::string what = error.what();
      if (what.find("does not hold") == std::string::npos && what.find("will not fit in region") == std::string::npos) throw;
      fmt::print("| {} | {} | does not fit | | | | |\n", shown(name), machine.name);
    }
  }
}

/// | network | layer | output | multiply-accumulates | cycles | each | of dense convolutions
void convolutions(const std::string& name, const DeviceMachine& machine) {
  const Graph graph = network(name);
  const TwinRun run = run_on(machine, graph, random_inputs(graph, 1));
  for (const TwinLayer& layer : run.layers) {
    for (const Node& node : graph.nodes) {
      const Cost counted = cost(graph, node);
      if (node.name != layer.name || counted.kernel != Kernel::kConv) continue;
      const Shape& weight = graph.type(node.inputs[1]).shape;
      const auto cycles = static_cast<double>(layer.cycles.value_or(layer.instructions));
      fmt::print("| {} | {} | {}x{}x{} to {} | {} | {:.1f} |\n", shown(name), layer.name, weight[1], weight[2], weight[3],
                 shape_text(graph.type(node.output).shape), thousands(counted.macs), cycles / static_cast<double>(counted.macs));
    }
  }
}

}  // namespace
}  // namespace mj

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto at = [&](std::size_t i) { return i < words.size() ? words[i] : std::string(); };
  try {
    if (at(0) == "outputs" && words.size() > 1) {
      for (std::size_t i = 1; i < words.size(); ++i) mj::outputs(words[i]);
    } else if (at(0) == "convolutions" && words.size() > 2) {
      for (std::size_t i = 2; i < words.size(); ++i) mj::convolutions(words[i], mj::find_machine(words[1]));
    } else if ((at(0) == "predicted" || at(0) == "layers") && words.size() > 3) {
      const mj::Platform platform = mj::find_platform(words[2]);
      for (std::size_t i = 3; i < words.size(); ++i) {
        mj::predicted(words[i], mj::find_machine(words[1]), platform, words[0] == "layers");
        std::fflush(stdout);
      }
    } else {
      fmt::print(stderr, "usage: device_tables predicted|layers MACHINE PLATFORM NETWORK...\n"
                         "       device_tables convolutions MACHINE NETWORK...\n"
                         "       device_tables outputs NETWORK...\n");
      return 2;
    }
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
