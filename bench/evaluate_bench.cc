// SPDX-License-Identifier: Apache-2.0

// Images per second of the reference evaluator, float and int8, on one thread: a ResNet-20 for CIFAR (40.8 M
// multiply-accumulates) as it was trained, with batch-norm folded, and quantised. `macs_per_second` is comparable
// between networks.
//
//   evaluate_bench [--benchmark_filter=int8]

#include <benchmark/benchmark.h>

#include "mj/arch/architecture.h"
#include "mj/base/random.h"
#include "mj/ir/cost.h"
#include "mj/ir/evaluate.h"
#include "mj/pass/lower.h"
#include "mj/pass/quantize.h"

namespace {

using namespace mj;

const Shape kImage{32, 32, 3};

Graph trained() { return build(parse_architecture("resnet-20"), kImage, 10, 1); }

Tensor image(std::uint64_t seed) {
  RandomStream random(seed);
  Tensor tensor = make_tensor({DType::kF32, kImage, {}});
  for (float& value : tensor.as<float>()) value = static_cast<float>(random.normal());
  return tensor;
}

void measure(benchmark::State& state, const Graph& graph) {
  const Evaluator evaluator(graph);
  const Tensor input = quantize(image(7).as<float>(), graph.type(graph.inputs.front()));
  for (auto _ : state) {
    benchmark::DoNotOptimize(evaluator.run(input));
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["macs_per_second"] =
      benchmark::Counter(static_cast<double>(total_macs(graph) * state.iterations()), benchmark::Counter::kIsRate);
}

void resnet20_float_as_trained(benchmark::State& state) { measure(state, trained()); }

void resnet20_float_folded(benchmark::State& state) { measure(state, simplify(trained())); }

void resnet20_int8(benchmark::State& state) {
  const Graph graph = simplify(trained());
  const std::vector<Tensor> samples{image(1), image(2), image(3)};
  measure(state, quantize_int8(graph, calibrate(graph, samples)));
}

BENCHMARK(resnet20_float_as_trained)->Unit(benchmark::kMillisecond);
BENCHMARK(resnet20_float_folded)->Unit(benchmark::kMillisecond);
BENCHMARK(resnet20_int8)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
