// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "mj/base/error.h"
#include "mj/base/npy.h"
#include "mj/base/text.h"
#include "mj/cli/command.h"
#include "mj/ir/evaluate.h"

namespace mj::cli {
namespace {

/// Samples in the file: it holds one, or a batch of them in its first dimension.
std::int64_t batch_of(const NpyArray& array, const Shape& shape, const std::string& file) {
  const std::int64_t one = element_count(shape);
  const std::int64_t count = array.count();
  const bool batched = !array.shape.empty() && count == array.shape[0] * one && count > 0;
  if (count == one) return 1;
  if (!batched) {
    fail("{}: an array of {}; expected {}, or a batch of them in the first dimension", file, shape_text(array.shape), shape_text(shape));
  }
  return array.shape[0];
}

NpyArray stacked(const std::vector<Tensor>& tensors) {
  const Type& type = tensors[0].type;
  NpyArray array;
  array.shape = {static_cast<std::int64_t>(tensors.size())};
  array.shape.insert(array.shape.end(), type.shape.begin(), type.shape.end());
  switch (type.dtype) {
    case DType::kF32: array.type = NpyType::kF32; break;
    case DType::kI8: array.type = NpyType::kI8; break;
    case DType::kI16: array.type = NpyType::kI16; break;
    case DType::kI32: array.type = NpyType::kI32; break;
  }
  for (const Tensor& tensor : tensors) array.data.insert(array.data.end(), tensor.data.begin(), tensor.data.end());
  return array;
}

}  // namespace

void add_run(CLI::App& app) {
  struct Options {
    CommonOptions common;
    ModelOptions model;
    EvaluateOptions evaluate;
    std::string input;
    std::string output;
    bool raw = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App& command = add_command(app, options->common, "run", "one forward pass, or one per sample of a batch",
                                  "millijoule run model.onnx --input x.npy --output y.npy", false);
  options->model.add(command);
  add_rounding(command, options->evaluate.rounding);
  command.add_option("--input", options->input, "array {H,W,C} or {N,H,W,C}; pixels are preprocessed as the model says; int8 arrays "
                                                "go unchanged into an int8 model")
      ->required()
      ->type_name("X.npy");
  command.add_option("--output", options->output, "array {N,...} of the last output")->required()->type_name("Y.npy");
  command.add_flag("--raw", options->raw, "the input is already preprocessed (real numbers as the network takes them)");
  command.callback([options] {
    const Graph graph = options->model.read();
    const NpyArray array = read_npy(options->input);
    const Type& type = graph.type(graph.inputs[0]);
    const std::int64_t n = batch_of(array, type.shape, options->input);
    const auto one = static_cast<std::size_t>(type.count());
    const Evaluator evaluator(graph, options->evaluate);
    const std::vector<float> reals = array.as_f32();
    std::vector<Tensor> results;
    for (std::int64_t i = 0; i < n; ++i) {
      const std::span<const float> sample(reals.data() + static_cast<std::size_t>(i) * one, one);
      Tensor input;
      if (type.dtype == DType::kI8 && array.type == NpyType::kI8) {
        input = make_tensor(type);
        const auto bytes = std::span(array.data).subspan(static_cast<std::size_t>(i) * one, one);
        std::copy(bytes.begin(), bytes.end(), input.data.begin());
      } else {
        input = options->raw ? quantize(sample, type) : input_tensor(graph, sample);
      }
      results.push_back(evaluator.run(input).back());
    }
    write_npy(options->output, stacked(results));
    if (!json_on_stdout(options->common)) {
      for (std::size_t i = 0; i < results.size() && i < 10; ++i) {
        std::string line;
        const std::vector<float> values = dequantize(results[i]);
        for (std::size_t k = 0; k < values.size() && k < 20; ++k) line += fmt::format("{}{:.6g}", k > 0 ? " " : "", values[k]);
        fmt::print("{}{}\n", line, values.size() > 20 ? " ..." : "");
      }
      fmt::print("{} x {} written to {}\n", n, shape_text(results[0].type.shape), options->output);
    }
    write_json(options->common, {{"schema", 1}, {"n", n}, {"output", options->output}});
  });
}

}  // namespace mj::cli
