// SPDX-License-Identifier: Apache-2.0
#include "networks.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "mj/base/error.h"
#include "mj/base/process.h"
#include "mj/base/random.h"
#include "mj/emit/nvm.h"
#include "mj/pass/plan_units.h"

namespace mj {
namespace {

constexpr float kScale = 0.05f;

Quantization activation() { return {{kScale}, {3}, -1}; }

/// Adds nodes whose outputs are int8 with one quantisation.
class Builder {
 public:
  Graph graph;

  ValueId add(std::string name, Op op, std::vector<ValueId> inputs) {
    const ValueId id = graph.add_node(std::move(name), std::move(op), std::move(inputs));
    graph.value(id).type.dtype = DType::kI8;
    graph.value(id).type.quant = activation();
    return id;
  }
  ValueId weight(Shape shape) {
    std::vector<std::int8_t> elements(static_cast<std::size_t>(element_count(shape)));
    for (std::int8_t& element : elements) element = static_cast<std::int8_t>(random_.below(255) - 127);
    const Quantization quant{{0.004f}, {0}, -1};
    return graph.add_constant("w", Type{DType::kI8, std::move(shape), quant}, Constant::of<std::int8_t>(elements));
  }

 private:
  RandomStream random_{7};
};

}  // namespace

TestFolder::TestFolder() {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  std::string name = std::string(test->test_suite_name()) + "." + test->name();
  for (char& c : name) c = c == '/' ? '_' : c;
  path_ = std::filesystem::path(MJ_BINARY_DIR) / "tests_powercut" / (name + "." + std::to_string(getpid()));
  std::filesystem::remove_all(path_);
  std::filesystem::create_directories(path_);
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

bool installed(const std::vector<std::string>& programs) {
  for (const std::string& program : programs) {
    try {
      run_process({program, "--version"});
    } catch (const Error&) {
      return false;
    }
  }
  return true;
}

Platform toy_platform() {
  Platform platform;
  platform.name = "toy";
  platform.frequency_hz.value = 1e6;
  platform.energy_per_cycle_j.value = 1e-9;
  platform.units.per_unit = 10;
  platform.units.per_restart = 0;
  for (CostLine& line : platform.kernels) line = {.per_call = 10, .per_mac = 1, .per_output = 1};
  return platform;
}

Graph small_residual_network() {
  Builder b;
  const ValueId x = b.graph.add_input("x", Type{DType::kI8, {4, 4, 2}, activation()});
  const ValueId a = b.add("conv_a", Conv2d{.pad = {1, 1, 1, 1}}, {x, b.weight({4, 3, 3, 2})});
  const ValueId c = b.add("conv_b", Conv2d{.clamp = {0, kInfinity}}, {a, b.weight({4, 1, 1, 4})});
  const ValueId sum = b.add("residual", Add{}, {a, c});
  const ValueId deep = b.add("depthwise", Conv2d{.stride = {2, 2}, .pad = {1, 1, 0, 0}, .groups = 4}, {sum, b.weight({4, 3, 3, 1})});
  const ValueId pooled = b.add("pool", MaxPool{.kernel = {2, 2}, .stride = {2, 2}}, {sum});
  const ValueId both = b.add("concat", Concat{2}, {deep, pooled});
  // Long enough to be split over several units.
  const ValueId wide = b.add("pad", Pad{.before = {1, 1, 0}, .after = {1, 1, 0}}, {both});
  const ValueId flat = b.add("flat", Reshape{{128}}, {wide});
  b.graph.outputs = {b.add("logits", Linear{}, {flat, b.weight({3, 128})})};
  return b.graph;
}

Graph small_exit_network() {
  Builder b;
  const ValueId x = b.graph.add_input("x", Type{DType::kI8, {4, 4, 2}, activation()});
  ValueId block = x, state = -1, scores = -1;
  const ValueId answer_weight = b.weight({3, 8});
  for (int k = 1; k <= 3; ++k) {
    const std::string name = k < 3 ? "exit" + std::to_string(k) : "logits";
    const std::int64_t inputs = b.graph.type(block).shape[2];
    block = b.add("block" + std::to_string(k), Conv2d{.pad = {1, 1, 1, 1}, .clamp = {0, kInfinity}}, {block, b.weight({4, 3, 3, inputs})});
    const ValueId pooled = b.add(name + "/pool", AvgPool{}, {block});
    const ValueId projected = b.add(name + "/project", Conv2d{}, {pooled, b.weight({2, 1, 1, 4})});
    state = k == 1 ? projected : b.add(name + "/sum", Add{}, {state, projected});
    const ValueId flat = b.add(name + "/flat", Reshape{{8}}, {state});
    const ValueId own = b.add(name + "/answer", Linear{}, {flat, answer_weight});
    scores = k == 1 ? own : b.add(name + "/logits", Add{}, {own, scores});
    b.graph.value(scores).name = name;
    b.graph.outputs.push_back(scores);
  }
  return b.graph;
}

FirmwareFolder emit_intermittent(const Graph& graph, const std::filesystem::path& folder, const std::string& nvm, double charge_j,
                                 const std::string& target) {
  const Platform platform = toy_platform();
  const Graph planned = plan_units(graph, platform, {.charge = {charge_j}, .word_bytes = find_nvm(nvm).word_bytes});
  write_firmware(folder, emit(planned, {.name = "net", .target = target, .nvm = nvm}, &platform));
  return read_firmware(folder);
}

}  // namespace mj
