// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/exit_head.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "mj/arch/architecture.h"
#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/ir/cost.h"
#include "mj/ir/evaluate.h"
#include "mj/ir/verify.h"
#include "mj/pass/lower.h"
#include "mj/platform/platform.h"
#include "tests/unit/error_of.h"

namespace mj {
namespace {

constexpr std::int64_t kClasses = 4;

struct Case {
  Graph network = build({"resnet", 8, 4, 1}, {9, 9, 2}, kClasses, 3);  // 9 rows do not divide by 4
  std::vector<ExitPoint> exits;

  Case() {
    exits = block_boundaries(network, [](const Graph& graph) { return static_cast<double>(total_macs(graph)); });
  }
};

/// Every constant of a head random, variances positive, as after a training.
Head random_head(const Case& c, const HeadOptions& options, std::uint64_t seed) {
  Head head = make_head(c.network, c.exits, options, seed);
  for (std::size_t v = 0; v < head.graph.values.size(); ++v) {
    Value& value = head.graph.values[v];
    if (!value.constant()) continue;
    RandomStream stream(seed, v, 7);
    std::vector<float> elements(static_cast<std::size_t>(value.type.count()));
    for (float& x : elements) x = static_cast<float>(value.name.ends_with("variance") ? 0.5 + stream.uniform() : stream.normal());
    value.data = Constant::of(std::span<const float>(elements));
  }
  return head;
}

std::vector<float> constant(const Graph& graph, const std::string& name) {
  for (const Value& value : graph.values) {
    if (value.constant() && value.name == name) return {value.data.as<float>().begin(), value.data.as<float>().end()};
  }
  ADD_FAILURE() << "no constant " << name;
  return {};
}

Tensor normal_input(const Graph& graph, std::uint64_t seed) {
  Tensor input = make_tensor(graph.type(graph.inputs[0]));
  RandomStream stream(seed);
  for (float& x : input.as<float>()) x = static_cast<float>(stream.normal());
  return input;
}

/// The exits' values in the network, by name.
std::map<ValueId, Tensor> activations(const Graph& network, const Tensor& input) {
  std::map<ValueId, Tensor> seen;
  Evaluator(network).run(input, [&](ValueId value, const Tensor& tensor) { seen[value] = tensor; });
  return seen;
}

TEST(ExitHead, ComputesTheFormulasOfTheDesign) {
  const Case c;
  ASSERT_EQ(c.exits.size(), 3u);
  const HeadOptions options{ExitMethod::kHead, 3, 4};
  const Head head = random_head(c, options, 11);
  const Graph with_exits = attach_head(c.network, c.exits, options, head);
  verify(with_exits);
  const Tensor input = normal_input(c.network, 5);
  const std::vector<Tensor> found = Evaluator(with_exits).run(input);
  auto seen = activations(c.network, input);

  const std::vector<float> answer = constant(head.graph, "exits/answer.weight");
  std::vector<double> s(4 * 4 * 3, 0), before;
  for (std::size_t k = 0; k < c.exits.size(); ++k) {
    const std::string name = "exit" + std::to_string(k + 1);
    const Tensor& x = seen.at(c.exits[k].value);
    // Of every 2x2 pixels the largest where that leaves a pixel for each of 8x8 cells, then means over these.
    const std::int64_t side = x.type.shape[0], channels = x.type.shape[2];
    const std::int64_t h = side >= 16 ? side / 2 : side, fine = std::min<std::int64_t>(8, side);
    const auto pixel = [&](std::int64_t y, std::int64_t z, std::int64_t ch) {
      const auto at = [&](std::int64_t row, std::int64_t column) {
        return x.as<float>()[static_cast<std::size_t>((row * side + column) * channels + ch)];
      };
      if (side < 16) return at(y, z);
      return std::max({at(2 * y, 2 * z), at(2 * y, 2 * z + 1), at(2 * y + 1, 2 * z), at(2 * y + 1, 2 * z + 1)});
    };
    // The last cell is larger where that does not come out even.
    const auto mean_of = [](std::int64_t size, std::int64_t cells, std::int64_t i, std::int64_t j, const auto& value) {
      const std::int64_t step = size / cells, width = size - (cells - 1) * step;
      double sum = 0;
      for (std::int64_t y = i * step; y < i * step + width; ++y) {
        for (std::int64_t z = j * step; z < j * step + width; ++z) sum += value(y, z);
      }
      return sum / static_cast<double>(width * width);
    };
    const std::vector<float> p = constant(head.graph, name + "/project.weight"), d = constant(head.graph, name + "/project.bias");
    const auto rectified = [&](std::int64_t i, std::int64_t j, std::size_t o) {
      double sum = d[o];
      for (std::int64_t ch = 0; ch < channels; ++ch) {
        sum += p[o * static_cast<std::size_t>(channels) + static_cast<std::size_t>(ch)] *
               mean_of(h, fine, i, j, [&](std::int64_t y, std::int64_t z) { return pixel(y, z, ch); });
      }
      return std::max(0.0, sum);
    };
    for (std::int64_t i = 0; i < 4; ++i) {
      for (std::int64_t j = 0; j < 4; ++j) {
        for (std::size_t o = 0; o < 3; ++o) {
          s[static_cast<std::size_t>(i * 4 + j) * 3 + o] +=
              mean_of(fine, 4, i, j, [&](std::int64_t y, std::int64_t z) { return rectified(y, z, o); });
        }
      }
    }
    const auto gamma = constant(head.graph, name + "/norm.gamma"), beta = constant(head.graph, name + "/norm.beta");
    const auto mean = constant(head.graph, name + "/norm.mean"), variance = constant(head.graph, name + "/norm.variance");
    const auto bias = constant(head.graph, name + "/answer.bias");
    std::vector<double> logits(bias.begin(), bias.end());
    for (std::size_t i = 0; i < s.size(); ++i) {
      const std::size_t o = i % 3;
      const double a = std::max(0.0, (s[i] - mean[o]) / std::sqrt(variance[o] + 1e-5) * gamma[o] + beta[o]);
      for (std::size_t q = 0; q < kClasses; ++q) logits[q] += answer[q * s.size() + i] * a;
    }
    if (k > 0) {
      const float carry = constant(head.graph, name + "/carry")[0];
      for (std::size_t q = 0; q < kClasses; ++q) logits[q] += carry * before[q];
    }
    before = logits;
    for (std::size_t q = 0; q < kClasses; ++q) {
      EXPECT_NEAR(found[k].as<float>()[q], logits[q], 2e-4 * (1 + std::abs(logits[q]))) << name;
    }
  }
}

class EveryMethod : public testing::TestWithParam<ExitMethod> {};

TEST_P(EveryMethod, TrainsWhatTheDeviceWillCompute) {
  const Case c;
  const HeadOptions options{GetParam(), 5, 3};
  const Head head = random_head(c, options, 21);
  verify(head.graph);
  const Graph with_exits = attach_head(c.network, c.exits, options, head);
  const Graph features = feature_network(c.network, c.exits, options);
  const Tensor input = normal_input(c.network, 6);
  const std::vector<Tensor> deployed = Evaluator(with_exits).run(input);
  const Tensor row = Evaluator(features).run(input).at(0);
  const Tensor plain = Evaluator(c.network).run(input).at(0);

  Tensor head_input = make_tensor(head.graph.type(head.graph.inputs[0]));
  const auto count = head_input.as<float>().size();
  std::copy_n(row.as<float>().begin(), count, head_input.as<float>().begin());
  const std::vector<Tensor> trained = Evaluator(head.graph).run(head_input);
  ASSERT_EQ(deployed.size(), c.exits.size() + 1);
  for (std::size_t k = 0; k < c.exits.size(); ++k) {
    EXPECT_EQ(with_exits.value(with_exits.outputs[k]).name, "exit" + std::to_string(k + 1));
    for (std::size_t q = 0; q < kClasses; ++q) {
      const float expected = trained[k].as<float>()[q];
      EXPECT_NEAR(deployed[k].as<float>()[q], expected, 2e-4 * (1 + std::abs(expected)));
    }
  }
  // The backbone says what it said before, and the teacher's logits stand at the end of the row.
  EXPECT_EQ(with_exits.value(with_exits.outputs.back()).name, "logits");
  for (std::size_t q = 0; q < kClasses; ++q) {
    EXPECT_EQ(deployed.back().as<float>()[q], plain.as<float>()[q]);
    EXPECT_EQ(row.as<float>()[count + q], plain.as<float>()[q]);
  }
}

TEST_P(EveryMethod, AnExitDependsOnNothingBehindIt) {
  const Case c;
  const HeadOptions options{GetParam(), 5, 3};
  const Graph whole = attach_head(c.network, c.exits, options, random_head(c, options, 31));
  const Tensor input = normal_input(c.network, 8);
  const std::vector<Tensor> all = Evaluator(whole).run(input);
  for (std::size_t k = 0; k < c.exits.size(); ++k) {
    Graph part = whole;
    part.outputs.resize(k + 1);
    part = compact(std::move(part));
    const std::vector<ValueId> made = [&] {
      std::vector<ValueId> outputs;
      for (const Node& node : part.nodes) outputs.push_back(node.output);
      return outputs;
    }();
    // The exit's logits are the last thing computed: nothing of the next block is needed or waits before them.
    EXPECT_EQ(made.back(), part.outputs.back());
    EXPECT_EQ(Evaluator(part).run(input).back().data, all[k].data);
  }
}

INSTANTIATE_TEST_SUITE_P(ExitHead, EveryMethod,
                         testing::Values(ExitMethod::kHead, ExitMethod::kGnet, ExitMethod::kFlat, ExitMethod::kPooled),
                         [](const auto& test) { return std::string(exit_method_name(test.param)); });

TEST(ExitHead, KeepsItsStateAndTheLogitsAndNothingElse) {
  const Case c;
  const HeadOptions options{ExitMethod::kHead, 6, 4};
  const Graph graph = attach_head(c.network, c.exits, options, make_head(c.network, c.exits, options, 1));
  const auto memory = exit_state_bytes(lower_for_estimate(graph));
  ASSERT_EQ(memory.size(), 3u);
  EXPECT_EQ(memory[0], 4 * 4 * 6 + kClasses);
  EXPECT_EQ(memory[1], 4 * 4 * 6 + kClasses);
  EXPECT_EQ(memory[2], 0);  // nobody asks afterwards
}

TEST(ExitHead, CountsTheParametersOfThePublishedNetwork) {
  // Channels 32 32 64 64 128 at FreeML's exits: P, d, gamma and beta, V, b, c.
  constexpr std::int64_t kChannels[] = {32, 32, 64, 64, 128};
  Graph graph;
  ValueId x = graph.add_input("x", {DType::kF32, {8, 8, 3}, {}});
  const auto weight = [&](Shape shape) {
    const std::vector<float> elements(static_cast<std::size_t>(element_count(shape)), 0.1f);
    return graph.add_constant("w" + std::to_string(graph.values.size()), std::move(shape), elements);
  };
  std::vector<ExitPoint> exits;
  for (const std::int64_t channels : kChannels) {
    x = graph.add_node("conv", Conv2d{}, {x, weight({channels, 1, 1, graph.type(x).shape.back()})});
    exits.push_back({x, "conv", 0});
  }
  const ValueId mean = graph.add_node("mean", Mean{}, {x});
  graph.outputs = {graph.add_node("fc", Linear{}, {mean, weight({10, 128})})};
  const HeadOptions options{ExitMethod::kHead, 16, 4};
  const Graph with_exits = attach_head(graph, exits, options, make_head(graph, exits, options, 1));
  EXPECT_EQ(parameter_count(with_exits) - parameter_count(graph), 320 * 16 + 3 * 16 * 5 + 256 * 10 + 5 * 10 + 4);

  // In int8: weights, scales and shifts and carries a byte each, biases four, one factor of eight bytes per layer.
  const Graph lowered = lower_for_estimate(with_exits);
  const Bytes bytes = constant_bytes(lowered) - constant_bytes(lower_for_estimate(graph));
  EXPECT_EQ(bytes, 320 * 16 + 256 * 10 + 2 * 16 * 5 + 4 + 4 * (16 * 5 + 10 * 5) + 8 * (5 + 5));
  // Flattened branches of 174,130 parameters have as many bytes, and three more for each of 50 biases, and 50 factors.
  const Bytes state = std::ranges::max(exit_state_bytes(lowered));
  EXPECT_EQ(state, 4 * 4 * 16 + 10);
  EXPECT_GT(174130 + 3 * 50, 20 * (bytes + state));
}

TEST(ExitHead, RefusesIntegerNetworksAndUnknownMethods) {
  EXPECT_EQ(error_of([] { parse_exit_method("gnat"); }),
            "no method 'gnat' of exits; expected head, gnet, flat or pooled");
  const Case c;
  const Graph integer = lower_for_estimate(c.network);
  const std::string message = error_of([&] { make_head(integer, {}, {}, 1); });
  EXPECT_TRUE(message.ends_with("; exits are trained on float networks and quantised afterwards")) << message;
}

}  // namespace
}  // namespace mj
