// SPDX-License-Identifier: Apache-2.0

// Fits the cost lines of platforms/msp430fr5994.toml: emits one network per shape and kernel, runs it under mspdebug's
// simulator, and prints TOML with the cycles per call, multiply-accumulate, output and weight byte that fit best.
// Run by msp430_cost_lines.sh.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/emit/emit.h"
#include "mj/ir/cost.h"
#include "mj/pass/passes.h"
#include "msp430.h"

namespace mj {
namespace {

constexpr int kFeatures = 6;  // call, MACs, outputs, weight bytes, symbols, gathered elements
using Row = std::array<double, kFeatures>;

struct Measurement {
  std::string shape;
  Row counts{};
  Msp430Cycles measured;
};

Quantization scales(float scale, std::int32_t zero) { return {{scale}, {zero}, -1}; }

class Network {
 public:
  explicit Network(Shape shape) { x_ = graph_.add_input("x", {DType::kI8, std::move(shape), scales(0.05f, -5)}); }

  ValueId weight(Shape shape) {
    std::vector<std::int8_t> elements(static_cast<std::size_t>(element_count(shape)));
    for (std::int8_t& w : elements) {
      w = static_cast<std::int8_t>(static_cast<int>(random_.below(255)) - 127);
    }
    return graph_.add_constant("w", {DType::kI8, std::move(shape), scales(0.02f, 0)}, Constant::of<std::int8_t>(elements));
  }
  /// A share of the elements, stored so.
  ValueId weight(Shape shape, Encoding encoding, double density) {
    std::vector<std::int8_t> elements(static_cast<std::size_t>(element_count(shape)), 0);
    bool present = false;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      if (encoding.layout != Layout::kBlock4 || i % 4 == 0) present = random_.uniform() < density;
      const int w = static_cast<int>(random_.below(15)) - 7;
      elements[i] = static_cast<std::int8_t>(!present ? 0 : w == 0 ? 1 : w);
    }
    const ValueId id = graph_.add_constant("w", {DType::kI8, std::move(shape), scales(0.02f, 0)}, Constant::of<std::int8_t>(elements));
    graph_.value(id).encoding = encoding;
    return id;
  }
  ValueId bias(std::int64_t outputs) {
    const std::vector<std::int32_t> elements(static_cast<std::size_t>(outputs), 1000);
    return graph_.add_constant("b", {DType::kI32, {outputs}, scales(0.001f, 0)}, Constant::of<std::int32_t>(elements));
  }
  Graph finish(Op op, std::vector<ValueId> more, Quantization out) {
    more.insert(more.begin(), x_);
    const ValueId y = graph_.add_node("node", std::move(op), std::move(more));
    graph_.value(y).type.dtype = DType::kI8;
    graph_.value(y).type.quant = std::move(out);
    graph_.outputs = {y};
    return plan_memory(std::move(graph_));
  }

 private:
  RandomStream random_{430};
  Graph graph_;
  ValueId x_ = -1;
};

Graph conv(std::int64_t size, std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
  Network network({size, size, in});
  const std::int64_t pad = kernel / 2;
  const float scale = 0.001f * 80 * std::sqrt(static_cast<float>(in * kernel * kernel));
  return network.finish(Conv2d{{stride, stride}, {1, 1}, {pad, pad, pad, pad}, 1, {0, kInfinity}},
                        {network.weight({out, kernel, kernel, in}), network.bias(out)}, scales(scale, -128));
}

Graph conv_encoded(std::int64_t size, std::int64_t in, std::int64_t out, std::int64_t kernel, Encoding encoding, double density) {
  Network network({size, size, in});
  const std::int64_t pad = kernel / 2;
  const float scale = 0.001f * 5 * std::sqrt(static_cast<float>(in * kernel * kernel));
  return network.finish(Conv2d{{1, 1}, {1, 1}, {pad, pad, pad, pad}, 1, {0, kInfinity}},
                        {network.weight({out, kernel, kernel, in}, encoding, density), network.bias(out)}, scales(scale, -128));
}

Graph linear_encoded(std::int64_t in, std::int64_t out, Encoding encoding, double density) {
  Network network({in});
  const float scale = 0.001f * 5 * std::sqrt(static_cast<float>(in));
  return network.finish(Linear{}, {network.weight({out, in}, encoding, density), network.bias(out)}, scales(scale, 3));
}

Graph depthwise(std::int64_t size, std::int64_t channels, std::int64_t kernel, std::int64_t stride) {
  Network network({size, size, channels});
  const std::int64_t pad = kernel / 2;
  const float scale = 0.001f * 80 * static_cast<float>(kernel);
  return network.finish(Conv2d{{stride, stride}, {1, 1}, {pad, pad, pad, pad}, channels, {0, kInfinity}},
                        {network.weight({channels, kernel, kernel, 1}), network.bias(channels)}, scales(scale, -128));
}

Graph linear(std::int64_t in, std::int64_t out) {
  Network network({in});
  const float scale = 0.001f * 80 * std::sqrt(static_cast<float>(in));
  return network.finish(Linear{}, {network.weight({out, in}), network.bias(out)}, scales(scale, 3));
}

template <class Pool>
Graph pool(std::int64_t size, std::int64_t channels, std::int64_t kernel) {
  Network network({size, size, channels});
  Pool op;
  op.kernel = op.stride = {kernel, kernel};
  return network.finish(op, {}, scales(0.05f, -5));
}

Graph mean(std::int64_t size, std::int64_t channels) {
  Network network({size, size, channels});
  return network.finish(Mean{}, {}, scales(0.03f, -128));
}

Graph add(std::int64_t size, std::int64_t channels) {
  Network network({size, size, channels});
  const ValueId other = network.weight({size, size, channels});
  return network.finish(Add{{0, kInfinity}}, {other}, scales(0.06f, -128));
}

Graph softmax(std::int64_t classes) {
  Network network({classes});
  return network.finish(Softmax{}, {}, scales(1.0f / 256, -128));
}

Graph transpose(std::int64_t size, std::int64_t channels) {
  Network network({size, size, channels});
  return network.finish(Transpose{{2, 0, 1}}, {}, scales(0.05f, -5));
}

Graph padded(std::int64_t size, std::int64_t channels) {
  Network network({size, size, channels});
  return network.finish(Pad{{1, 1, 0}, {1, 1, 0}, 0}, {}, scales(0.05f, -5));
}

Measurement measure(const std::string& shape, const Graph& graph, const std::filesystem::path& folder) {
  const Tensor input = [&] {
    Tensor tensor = make_tensor(graph.type(graph.inputs[0]));
    RandomStream random(43);
    for (std::int8_t& q : tensor.as<std::int8_t>()) {
      q = static_cast<std::int8_t>(random.next() >> 56);
    }
    return tensor;
  }();
  const Cost counts = cost(graph, graph.nodes[0]);
  Measurement result;
  result.shape = shape;
  result.counts = {1, static_cast<double>(counts.macs), static_cast<double>(counts.outputs),
                   static_cast<double>(counts.weight_bytes), static_cast<double>(counts.symbols),
                   static_cast<double>(counts.gathered)};
  result.measured = count_msp430_cycles(build_for_msp430(emit(graph, {.name = "net"}), graph, input, folder));
  fmt::print("#   {:<34} {:>8} MAC {:>6} outputs {:>8} instructions {:>9} cycles {:6.2f} cycles/MAC\n", shape, counts.macs,
             counts.outputs, result.measured.instructions, result.measured.cycles,
             static_cast<double>(result.measured.cycles) / static_cast<double>(std::max<std::int64_t>(counts.macs, 1)));
  std::fflush(stdout);
  return result;
}

/// Solves the normal equations of the features in use by Gaussian elimination with pivoting.
Row solve(const std::vector<Measurement>& measurements, const std::array<bool, kFeatures>& used) {
  std::array<std::array<double, kFeatures + 1>, kFeatures> system{};
  for (const Measurement& m : measurements) {
    // Relative errors count, so that small layers weigh as much as large ones.
    const double weight = 1 / static_cast<double>(m.measured.cycles);
    for (std::size_t i = 0; i < kFeatures; ++i) {
      for (std::size_t j = 0; j < kFeatures; ++j) {
        system[i][j] += used[i] && used[j] ? weight * weight * m.counts[i] * m.counts[j] : 0;
      }
      system[i][kFeatures] += used[i] ? weight * m.counts[i] : 0;
    }
  }
  for (std::size_t i = 0; i < kFeatures; ++i) {
    if (!used[i]) {
      system[i][i] = 1;
    }
  }
  for (std::size_t column = 0; column < kFeatures; ++column) {
    std::size_t pivot = column;
    for (std::size_t row = column + 1; row < kFeatures; ++row) {
      pivot = std::abs(system[row][column]) > std::abs(system[pivot][column]) ? row : pivot;
    }
    std::swap(system[column], system[pivot]);
    for (std::size_t row = 0; row < kFeatures; ++row) {
      const double factor = row == column ? 0 : system[row][column] / system[column][column];
      for (std::size_t k = column; k <= kFeatures; ++k) {
        system[row][k] -= factor * system[column][k];
      }
    }
  }
  Row result{};
  for (std::size_t i = 0; i < kFeatures; ++i) {
    result[i] = system[i][kFeatures] / system[i][i];
  }
  return result;
}

/// Least squares without negative terms: a negative one is left out and the rest fitted again.
Row fit(const std::vector<Measurement>& measurements, std::array<bool, kFeatures> used) {
  for (;;) {
    const Row row = solve(measurements, used);
    bool again = false;
    for (std::size_t i = 0; i < kFeatures; ++i) {
      if (row[i] < 0) {
        used[i] = false;
        again = true;
      }
    }
    if (!again) {
      return row;
    }
  }
}

double worst_error(const std::vector<Measurement>& measurements, const Row& line) {
  double worst = 0;
  for (const Measurement& m : measurements) {
    double predicted = 0;
    for (std::size_t i = 0; i < kFeatures; ++i) {
      predicted += line[i] * m.counts[i];
    }
    worst = std::max(worst, std::abs(predicted / static_cast<double>(m.measured.cycles) - 1));
  }
  return worst;
}

struct Shapes {
  std::string kernel;
  std::array<bool, kFeatures> features;
  std::vector<std::pair<std::string, std::function<Graph()>>> networks;
};

std::vector<Shapes> all_shapes() {
  Shapes convolutions{"conv_encoded", {false, true, true, false, true, true}, {}};
  Shapes linears{"linear_encoded", {true, true, true, false, true, false}, {}};
  for (const Encoding encoding : all_encodings()) {
    if (encoding.plain()) continue;
    const bool dense = encoding.layout == Layout::kDense;
    const std::string name(encoding_name(encoding));
    for (const double density : dense ? std::vector{1.0} : std::vector{0.3, 0.08}) {
      const std::string share = fmt::format("{}, {:.0f} %", name, density * 100);
      convolutions.networks.emplace_back("4x4x16 -> 8, 3x3, " + share, [=] { return conv_encoded(4, 16, 8, 3, encoding, density); });
      convolutions.networks.emplace_back("4x4x32 -> 16, 1x1, " + share, [=] { return conv_encoded(4, 32, 16, 1, encoding, density); });
      linears.networks.emplace_back("256 -> 16, " + share, [=] { return linear_encoded(256, 16, encoding, density); });
      linears.networks.emplace_back("64 -> 10, " + share, [=] { return linear_encoded(64, 10, encoding, density); });
    }
  }
  return {
      std::move(convolutions),
      std::move(linears),
      {"conv",
       {false, true, true, false},  // a call is too little of the whole to be seen
       {{"12x12x1 -> 8, 3x3", [] { return conv(12, 1, 8, 3, 1); }},
        {"12x12x3 -> 8, 3x3, stride 2", [] { return conv(12, 3, 8, 3, 2); }},
        {"8x8x8 -> 8, 3x3", [] { return conv(8, 8, 8, 3, 1); }},
        {"6x6x16 -> 16, 3x3", [] { return conv(6, 16, 16, 3, 1); }},
        {"6x6x8 -> 16, 3x3, stride 2", [] { return conv(6, 8, 16, 3, 2); }},
        {"4x4x32 -> 16, 3x3", [] { return conv(4, 32, 16, 3, 1); }},
        {"8x8x16 -> 32, 1x1", [] { return conv(8, 16, 32, 1, 1); }},
        {"8x8x8 -> 16, 1x1, stride 2", [] { return conv(8, 8, 16, 1, 2); }},
        {"7x7x4 -> 8, 5x5", [] { return conv(7, 4, 8, 5, 1); }}}},
      {"depthwise",
       {false, true, true, false},  // a call is too little of the whole to be seen
       {{"8x8x16, 3x3", [] { return depthwise(8, 16, 3, 1); }},
        {"10x10x8, 3x3, stride 2", [] { return depthwise(10, 8, 3, 2); }},
        {"6x6x24, 3x3", [] { return depthwise(6, 24, 3, 1); }},
        {"8x8x8, 5x5", [] { return depthwise(8, 8, 5, 1); }}}},
      {"linear",
       {true, true, true, false},
       {{"64 -> 10", [] { return linear(64, 10); }},
        {"32 -> 64", [] { return linear(32, 64); }},
        {"256 -> 32", [] { return linear(256, 32); }},
        {"1024 -> 10", [] { return linear(1024, 10); }}}},
      {"pool",
       {false, true, true, false},  // a call is too little of the whole to be seen
       {{"max 12x12x8, 2x2", [] { return pool<MaxPool>(12, 8, 2); }},
        {"max 12x12x8, 3x3", [] { return pool<MaxPool>(12, 8, 3); }},
        {"avg 12x12x8, 2x2", [] { return pool<AvgPool>(12, 8, 2); }},
        {"avg 12x12x8, 4x4", [] { return pool<AvgPool>(12, 8, 4); }},
        {"mean 7x7x32", [] { return mean(7, 32); }},
        {"mean 4x4x64", [] { return mean(4, 64); }}}},
      {"elementwise",
       {true, false, true, false},
       {{"add 6x6x16", [] { return add(6, 16); }},
        {"add 12x12x8", [] { return add(12, 8); }},
        {"add 4x4x8", [] { return add(4, 8); }}}},
      {"move",
       {true, false, true, false},
       {{"transpose 8x8x8", [] { return transpose(8, 8); }},
        {"transpose 4x4x32", [] { return transpose(4, 32); }},
        {"pad 10x10x8", [] { return padded(10, 8); }},
        {"pad 5x5x32", [] { return padded(5, 32); }}}},
      {"softmax",
       {true, false, true, false},
       {{"10", [] { return softmax(10); }}, {"2", [] { return softmax(2); }}, {"100", [] { return softmax(100); }}}},
  };
}

int run(const std::filesystem::path& folder, const std::string& only) {
  std::string missing;
  if (!has_msp430_tools(missing)) {
    fail("not installed: {}", missing);
  }
  for (const Shapes& shapes : all_shapes()) {
    if (!only.empty() && only != shapes.kernel) {
      continue;
    }
    fmt::print("# {}\n", shapes.kernel);
    std::vector<Measurement> measurements;
    for (const auto& [name, build] : shapes.networks) {
      measurements.push_back(measure(name, build(), folder / "net"));
    }
    const Row line = fit(measurements, shapes.features);
    fmt::print(
        "[kernel.{}]\ncycles_per_call = {:.0f}\ncycles_per_mac = {:.2f}\ncycles_per_output = {:.1f}\n"
        "cycles_per_weight_byte = {:.2f}\n{}source = \"assumed: fitted to instructions counted under mspdebug sim (clang 14 "
        "-O2) times the cycles of their addressing modes (SLAU367), {} shapes, worst error {:.1f} %\"\n\n",
        shapes.kernel, line[0], line[1], line[2], line[3],
        shapes.features[4] ? fmt::format("cycles_per_symbol = {:.2f}\ncycles_per_gathered = {:.2f}\n", line[4], line[5]) : "",
        measurements.size(), 100 * worst_error(measurements, line));
  }
  return 0;
}

}  // namespace
}  // namespace mj

int main(int argc, char** argv) {
  try {
    if (argc < 2 || argc > 3) {
      fmt::print(stderr, "usage: msp430_cost_lines FOLDER [KERNEL]\n");
      return 2;
    }
    return mj::run(argv[1], argc == 3 ? argv[2] : "");
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
