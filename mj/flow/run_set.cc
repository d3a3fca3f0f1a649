// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/run_set.h"

#include <algorithm>
#include <atomic>

#include "mj/base/error.h"
#include "mj/base/parallel.h"
#include "mj/base/text.h"

namespace mj {
namespace {

template <class T>
std::int32_t largest(const Tensor& tensor) {
  const auto elements = tensor.as<T>();
  return static_cast<std::int32_t>(std::max_element(elements.begin(), elements.end()) - elements.begin());
}

std::int32_t answer(const Tensor& tensor) {
  switch (tensor.type.dtype) {
    case DType::kF32: return largest<float>(tensor);
    case DType::kI8: return largest<std::int8_t>(tensor);
    case DType::kI16: return largest<std::int16_t>(tensor);
    case DType::kI32: return largest<std::int32_t>(tensor);
  }
  return -1;
}

}  // namespace

void require_samples_fit(const Graph& graph, const Samples& samples) {
  const Shape& shape = graph.type(graph.inputs[0]).shape;
  if (samples.shape != shape && element_count(samples.shape) != element_count(shape)) {
    fail("the network takes inputs of {}; the data has {}", shape_text(shape), shape_text(samples.shape));
  }
  const std::int64_t classes = class_count(graph);
  for (std::int32_t label : samples.labels) {
    if (label >= classes) fail("the data has a label {}; the network tells {} classes apart", label, classes);
  }
}

SetRun run_set(const Graph& graph, const Samples& samples, std::string_view phase, Progress& progress,
               EvaluateOptions options) {
  require_samples_fit(graph, samples);
  const Evaluator evaluator(graph, options);
  const auto n = static_cast<std::size_t>(samples.size());
  Bytes output_bytes = 0;
  for (ValueId output : graph.outputs) output_bytes += graph.type(output).bytes();
  SetRun run;
  run.inputs.resize(n);
  run.outputs.resize(n * static_cast<std::size_t>(output_bytes));
  run.answers.assign(graph.outputs.size(), std::vector<std::int32_t>(n));
  progress.begin(phase, samples.size(), "images");
  std::atomic<std::int64_t> done{0};
  parallel_for_worker(samples.size(), [&](std::int64_t sample, int worker) {
    const auto i = static_cast<std::size_t>(sample);
    run.inputs[i] = input_tensor(graph, samples.sample(sample));
    const std::vector<Tensor> outputs = evaluator.run(run.inputs[i]);
    auto at = run.outputs.begin() + sample * output_bytes;
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      at = std::copy(outputs[k].data.begin(), outputs[k].data.end(), at);
      run.answers[k][i] = answer(outputs[k]);
    }
    ++done;
    if (worker == 0) progress.update(done, "");
  });
  progress.end(fmt::format("{} images", thousands(samples.size())));
  for (const auto& answers : run.answers) {
    std::int64_t correct = 0;
    for (std::size_t i = 0; i < n; ++i) correct += answers[i] == samples.labels[i];
    run.accuracy.push_back(n > 0 ? static_cast<double>(correct) / static_cast<double>(n) : 0);
  }
  return run;
}

}  // namespace mj
