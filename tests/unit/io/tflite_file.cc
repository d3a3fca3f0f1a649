// SPDX-License-Identifier: Apache-2.0
#include "tflite_file.h"

#include <algorithm>

#include "mj/base/error.h"
#include "mj/io/tflite.h"

namespace mj {

TfliteFile::TfliteFile() {
  model.version = 3;
  model.buffers.push_back(std::make_unique<mj_tflite::BufferT>());
  model.subgraphs.push_back(std::make_unique<mj_tflite::SubGraphT>());
  graph().inputs = {0};
}

int TfliteFile::tensor(const std::string& name, Type type, const std::vector<std::int32_t>& dims, const Quant& quant) {
  auto tensor = std::make_unique<mj_tflite::TensorT>();
  tensor->name = name;
  tensor->type = type;
  tensor->shape = dims;
  if (!quant.scale.empty()) {
    tensor->quantization = std::make_unique<mj_tflite::QuantizationParametersT>();
    tensor->quantization->scale = quant.scale;
    tensor->quantization->zero_point = quant.zero_point;
    tensor->quantization->quantized_dimension = quant.dimension;
  }
  graph().tensors.push_back(std::move(tensor));
  return static_cast<int>(graph().tensors.size()) - 1;
}

void TfliteFile::hold(int tensor, std::vector<std::uint8_t> bytes) {
  at(tensor).buffer = static_cast<std::uint32_t>(model.buffers.size());
  model.buffers.push_back(std::make_unique<mj_tflite::BufferT>());
  model.buffers.back()->data = std::move(bytes);
}

void TfliteFile::op(Code code, std::vector<int> inputs, std::vector<int> outputs) {
  auto entry = std::make_unique<mj_tflite::OperatorCodeT>();
  entry->builtin_code = code;
  entry->deprecated_builtin_code = static_cast<std::int8_t>(std::min(static_cast<int>(code), 127));
  auto op = std::make_unique<mj_tflite::OperatorT>();
  op->opcode_index = static_cast<std::uint32_t>(model.operator_codes.size());
  op->inputs = std::move(inputs);
  op->outputs = std::move(outputs);
  model.operator_codes.push_back(std::move(entry));
  graph().operators.push_back(std::move(op));
}

std::vector<std::byte> TfliteFile::bytes() const {
  flatbuffers::FlatBufferBuilder builder;
  mj_tflite::FinishModelBuffer(builder, mj_tflite::CreateModel(builder, &model));
  const auto* data = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
  return {data, data + builder.GetSize()};
}

std::string message_of(const std::vector<std::byte>& bytes) {
  try {
    std::string text;
    for (const auto& [node, op, reason] : parse_tflite(bytes).unsupported) {
      text += fmt::format("{}{} ({}): {}", text.empty() ? "" : "\n", node, op, reason);
    }
    return text;
  } catch (const Error& error) {
    return error.what();
  }
}

std::string message_of(const TfliteFile& file) { return message_of(file.bytes()); }

Graph graph_of(const TfliteFile& file) {
  const auto bytes = file.bytes();
  ImportResult result = parse_tflite(bytes);
  if (!result.unsupported.empty()) fail("{}", message_of(bytes));
  return std::move(result.graph);
}

std::vector<float> run_reals(const Graph& graph, const std::vector<float>& input) {
  std::vector<float> all;
  for (const Tensor& output : Evaluator(graph).run(quantize(input, graph.type(graph.inputs[0])))) {
    const auto reals = dequantize(output);
    all.insert(all.end(), reals.begin(), reals.end());
  }
  return all;
}

std::vector<int> run_int8(const Graph& graph, const std::vector<int>& input, Rounding rounding) {
  Tensor x = make_tensor(graph.type(graph.inputs[0]));
  std::copy(input.begin(), input.end(), x.as<std::int8_t>().begin());
  std::vector<int> all;
  for (const Tensor& output : Evaluator(graph, {.rounding = rounding}).run(x)) {
    const auto elements = output.as<std::int8_t>();
    all.insert(all.end(), elements.begin(), elements.end());
  }
  return all;
}

}  // namespace mj
