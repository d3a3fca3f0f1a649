// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mj/io/onnx.h"
#include "mj/ir/evaluate.h"
#include "tflite_generated.h"

namespace mj {

struct TfliteQuant {
  std::vector<float> scale;
  std::vector<std::int64_t> zero_point;
  int dimension = 0;
};

/// A TFLite model in the making. Tensors are numbered as they are added; the first one is the network's input unless
/// `model` is told otherwise.
class TfliteFile {
 public:
  using Type = mj_tflite::TensorType;
  using Code = mj_tflite::BuiltinOperator;

  using Quant = TfliteQuant;

  TfliteFile();

  int tensor(const std::string& name, Type type, const std::vector<std::int32_t>& dims, const Quant& quant = {});
  template <class T>
  int constant(const std::string& name, Type type, const std::vector<std::int32_t>& dims,
               const std::vector<T>& elements, const Quant& quant = {}) {
    const int index = tensor(name, type, dims, quant);
    std::vector<std::uint8_t> bytes(elements.size() * sizeof(T));
    if (!bytes.empty()) std::memcpy(bytes.data(), elements.data(), bytes.size());
    hold(index, std::move(bytes));
    return index;
  }
  int floats(const std::string& name, const std::vector<std::int32_t>& dims, const std::vector<float>& elements) {
    return constant(name, Type::FLOAT32, dims, elements);
  }
  int ints(const std::string& name, const std::vector<std::int32_t>& elements) {
    return constant(name, Type::INT32, {static_cast<std::int32_t>(elements.size())}, elements);
  }

  void op(Code code, std::vector<int> inputs, std::vector<int> outputs);
  template <class Options>
  void op(Code code, std::vector<int> inputs, std::vector<int> outputs, Options options) {
    op(code, std::move(inputs), std::move(outputs));
    graph().operators.back()->builtin_options.Set(std::move(options));
  }

  void outputs(const std::vector<int>& tensors) { graph().outputs = tensors; }

  mj_tflite::SubGraphT& graph() { return *model.subgraphs[0]; }
  mj_tflite::TensorT& at(int tensor) { return *graph().tensors[static_cast<std::size_t>(tensor)]; }
  mj_tflite::BufferT& buffer_of(int tensor) { return *model.buffers[at(tensor).buffer]; }
  std::vector<std::byte> bytes() const;

  mj_tflite::ModelT model;

 private:
  void hold(int tensor, std::vector<std::uint8_t> bytes);
};

/// The graph of a file; throws `Error` with the unsupported operators when there are any.
Graph graph_of(const TfliteFile& file);

/// What reading the file says, "" when it is read; unsupported operators as "NODE (OP): REASON", one per line.
std::string message_of(const TfliteFile& file);
std::string message_of(const std::vector<std::byte>& bytes);

/// All outputs, one after the other, as the reals they stand for.
std::vector<float> run_reals(const Graph& graph, const std::vector<float>& input);
/// All outputs of an int8 network, one after the other.
std::vector<int> run_int8(const Graph& graph, const std::vector<int>& input, Rounding rounding = Rounding::kDouble);

}  // namespace mj
