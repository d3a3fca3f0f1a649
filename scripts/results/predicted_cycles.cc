// SPDX-License-Identifier: Apache-2.0

// Predicts the cycles of networks by a platform's cost lines and counts them on an emulated machine; prints rows of a table.
// Run by devices.sh.
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "mj/arch/architecture.h"
#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/base/temporary_folder.h"
#include "mj/base/text.h"
#include "mj/emit/emit.h"
#include "mj/emit/machines.h"
#include "mj/io/onnx.h"
#include "mj/pass/lower.h"
#include "mj/platform/platform.h"
#include "mj/twin/run.h"

namespace mj {
namespace {

/// A model file, or ARCHITECTURE@HxWxC with random weights and ranges seen on random inputs.
Graph network(const std::string& text) {
  const std::size_t at = text.find('@');
  if (at == std::string::npos) {
    const Graph graph = read_model(text);
    return lower(graph, {});
  }
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

void compare(const std::string& name, const Platform& platform, const DeviceMachine& machine, bool by_layer) {
  const Graph graph = network(name);
  const Estimate predicted = estimate(graph, platform);
  const TemporaryFolder folder;
  write_firmware(folder.path() / "net", emit(graph, {.name = "net", .target = std::string(machine.target)}));
  RandomStream random(6);
  std::vector<std::byte> input(static_cast<std::size_t>(graph.type(graph.inputs[0]).bytes()));
  for (std::byte& byte : input) byte = static_cast<std::byte>(random.next() >> 56);
  const TwinRun run = run_twin(folder.path() / "net", input, {.machine = std::string(machine.name)});
  const auto count = static_cast<double>(run.cycles.value_or(run.instructions));
  const std::string shown = name.find('@') == std::string::npos ? std::filesystem::path(name).stem().string() : name;
  fmt::print("| {} | {} | {} | {} | {:+.1f} % |\n", shown, thousands(total_macs(graph)), thousands(static_cast<std::int64_t>(count)),
             thousands(std::llround(predicted.cycles)), 100 * (predicted.cycles / count - 1));
  std::fflush(stdout);
  if (!by_layer) return;
  for (const TwinLayer& layer : run.layers) {
    for (const LayerEstimate& guess : predicted.layers) {
      if (guess.name != layer.name) continue;
      const auto cycles = static_cast<double>(layer.cycles.value_or(layer.instructions));
      fmt::print("|   {} | {} {} | {} | {:.0f} | {:+.1f} % |\n", layer.name, kernel_name(guess.cost.kernel), guess.cost.macs, cycles, guess.cycles,
                 100 * (guess.cycles / cycles - 1));
    }
  }
}

}  // namespace
}  // namespace mj

int main(int argc, char** argv) {
  try {
    const bool layers = argc > 1 && std::string(argv[1]) == "--layers";
    const int first = layers ? 2 : 1;
    if (argc < first + 3) {
      fmt::print(stderr, "usage: predicted_cycles [--layers] PLATFORM MACHINE NETWORK...\n");
      return 2;
    }
    const mj::Platform platform = mj::find_platform(argv[first]);
    for (int i = first + 2; i < argc; ++i) mj::compare(argv[i], platform, mj::find_machine(argv[first + 1]), layers);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
