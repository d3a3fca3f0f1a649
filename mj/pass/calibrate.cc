// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "mj/base/error.h"
#include "mj/base/parallel.h"
#include "mj/ir/evaluate.h"
#include "mj/pass/histogram.h"
#include "mj/pass/quantize.h"

namespace mj {
namespace {

/// Minimum and maximum per value; their merge does not depend on the order.
struct Extremes {
  std::vector<float> low, high;

  explicit Extremes(std::size_t values) : low(values, kInfinity), high(values, -kInfinity) {}

  /// False when an element is not finite.
  bool add(ValueId value, std::span<const float> elements) {
    const auto i = static_cast<std::size_t>(value);
    bool finite = true;
    float least = low[i], most = high[i];
    for (const float x : elements) {
      finite = finite && std::isfinite(x);
      least = std::min(least, x);
      most = std::max(most, x);
    }
    low[i] = least;
    high[i] = most;
    return finite;
  }
  void merge(const Extremes& other) {
    for (std::size_t i = 0; i < low.size(); ++i) {
      low[i] = std::min(low[i], other.low[i]);
      high[i] = std::max(high[i], other.high[i]);
    }
  }
};

void check(const Graph& graph, std::span<const Tensor> inputs, double clip) {
  if (!(clip >= 0 && clip < 0.5)) fail("calibration clips a share of {}; expected 0 to less than 0.5", clip);
  if (inputs.empty()) fail("no calibration inputs; expected at least one");
  if (quantized(graph)) fail("the graph is quantised already; calibration expects a float graph");
  const Type& expected = graph.type(graph.inputs.at(0));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].type == expected) continue;
    fail("calibration input {} is {}; the graph's input is {}", i, type_text(inputs[i].type), type_text(expected));
  }
}

Extremes extremes_of(const Graph& graph, const Evaluator& evaluator, std::span<const Tensor> inputs) {
  std::vector<Extremes> per_worker(static_cast<std::size_t>(threads()), Extremes(graph.values.size()));
  // The first value that is not finite, per input, so that the message does not depend on the threads.
  std::vector<ValueId> not_finite(inputs.size(), -1);
  parallel_for_worker(static_cast<std::int64_t>(inputs.size()), [&](std::int64_t i, int worker) {
    const auto input = static_cast<std::size_t>(i);
    evaluator.run(inputs[input], [&](ValueId value, const Tensor& tensor) {
      const bool finite = per_worker[static_cast<std::size_t>(worker)].add(value, tensor.as<float>());
      if (!finite && not_finite[input] < 0) not_finite[input] = value;
    });
  });
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (not_finite[i] < 0) continue;
    fail("activation '{}' of calibration input {} is not finite; the network cannot be quantised",
         graph.value(not_finite[i]).name, i);
  }
  for (std::size_t worker = 1; worker < per_worker.size(); ++worker) per_worker[0].merge(per_worker[worker]);
  return std::move(per_worker[0]);
}

/// Narrows every range to where the squared error is least.
void clip_ranges(const Graph& graph, const Evaluator& evaluator, std::span<const Tensor> inputs, double clip,
                 Ranges& ranges) {
  std::vector<Histogram> empty;
  for (std::size_t i = 0; i < graph.values.size(); ++i) empty.emplace_back(ranges.low[i], ranges.high[i]);
  std::vector<std::vector<Histogram>> per_worker(static_cast<std::size_t>(threads()), empty);
  parallel_for_worker(static_cast<std::int64_t>(inputs.size()), [&](std::int64_t i, int worker) {
    evaluator.run(inputs[static_cast<std::size_t>(i)], [&](ValueId value, const Tensor& tensor) {
      per_worker[static_cast<std::size_t>(worker)][static_cast<std::size_t>(value)].add(tensor.as<float>());
    });
  });
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    if (graph.values[i].constant()) continue;
    for (std::size_t worker = 1; worker < per_worker.size(); ++worker) per_worker[0][i].merge(per_worker[worker][i]);
    const Range range = per_worker[0][i].clipped_range(clip);
    ranges.low[i] = range.low;
    ranges.high[i] = range.high;
  }
}

}  // namespace

Ranges calibrate(const Graph& graph, std::span<const Tensor> inputs, double clip) {
  check(graph, inputs, clip);
  const Evaluator evaluator(graph);
  Extremes extremes = extremes_of(graph, evaluator, inputs);
  Ranges ranges{std::move(extremes.low), std::move(extremes.high)};
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    if (graph.values[i].constant()) ranges.low[i] = ranges.high[i] = 0;
  }
  if (clip > 0) clip_ranges(graph, evaluator, inputs, clip, ranges);
  return ranges;
}

Ranges with_pixel_range(Ranges ranges, const Graph& graph) {
  const auto input = static_cast<std::size_t>(graph.inputs.at(0));
  const Shape& shape = graph.values[input].type.shape;
  const std::int64_t channels = shape.empty() ? 1 : shape.back();
  const auto dark =
      preprocess(graph.preprocess, std::vector<float>(static_cast<std::size_t>(channels), 0.0f), channels);
  const auto bright =
      preprocess(graph.preprocess, std::vector<float>(static_cast<std::size_t>(channels), 255.0f), channels);
  // A negative scale or deviation turns dark and bright round.
  float low = kInfinity, high = -kInfinity;
  for (const auto* end : {&dark, &bright}) {
    low = std::min(low, *std::min_element(end->begin(), end->end()));
    high = std::max(high, *std::max_element(end->begin(), end->end()));
  }
  ranges.low.at(input) = low;
  ranges.high.at(input) = high;
  return ranges;
}

}  // namespace mj
