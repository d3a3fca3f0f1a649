// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "mj/emit/c_text.h"
#include "mj/ir/graph.h"
#include "mj/ir/int8.h"

namespace mj {

/// What one node becomes in C.
struct LayerCode {
  std::string constants;          ///< definitions at file scope
  std::string statements;         ///< inside NAME_infer
  std::set<std::string> runtime;  ///< sources of the runtime that it calls
};

/// A node being printed: its types, the C expressions for its operands, and the code so far.
class Layer {
 public:
  Layer(const Graph& graph, std::int32_t index);

  const Type& input(std::size_t i) const { return graph_.type(node_.inputs[i]); }
  const Value& input_value(std::size_t i) const { return graph_.value(node_.inputs[i]); }
  std::size_t input_count() const { return node_.inputs.size(); }
  const Type& output() const { return graph_.type(node_.output); }

  /// C expressions of type `const int8_t*` and `int8_t*`; constants by name.
  std::string operand(std::size_t i) const;
  std::string result() const;
  /// Name of the constant array behind input i.
  std::string constant_name(std::size_t i) const;
  /// Bytes between two activations in the arena; 0 when they are the same place.
  bool in_place() const;

  /// Adds definitions named `<op>_<index>` or `<op>_<index>_<what>` and returns that name.
  std::string define(std::string_view type, const Fields& fields, std::string_view what = "");
  template <class T>
  std::string define_array(std::string_view type, std::string_view what, std::span<const T> elements) {
    std::string name = own_name(what);
    code.constants += array_definition(type, name, elements);
    return name;
  }
  /// Adds `function(arguments);`, whose source in the runtime is `file`.
  void call(std::string_view function, std::string_view file, std::initializer_list<std::string> arguments);

  LayerCode code;

 private:
  std::string own_name(std::string_view what) const;
  std::string place(ValueId value) const;

  const Graph& graph_;
  const Node& node_;
  std::int32_t index_;
};

/// Prints the node; throws `Error` when it has no integer kernel, or is larger than the kernels can count.
LayerCode print_layer(const Graph& graph, std::int32_t index);

/// The definition of a constant that nodes read, under the name `Layer::constant_name` gives it.
std::string constant_definition(const Graph& graph, ValueId value);

// The overload set behind print_layer, one file per family.
void print_op(const Conv2d& op, Layer& layer);
void print_op(const Linear& op, Layer& layer);
void print_op(const BatchNorm& op, Layer& layer);
void print_op(const Clamp& op, Layer& layer);
void print_op(const LeakyRelu& op, Layer& layer);
void print_op(const PRelu& op, Layer& layer);
void print_op(const HardSigmoid& op, Layer& layer);
void print_op(const HardSwish& op, Layer& layer);
void print_op(const Sigmoid& op, Layer& layer);
void print_op(const Tanh& op, Layer& layer);
void print_op(const Softmax& op, Layer& layer);
void print_op(const MaxPool& op, Layer& layer);
void print_op(const AvgPool& op, Layer& layer);
void print_op(const Mean& op, Layer& layer);
void print_op(const Add& op, Layer& layer);
void print_op(const Sub& op, Layer& layer);
void print_op(const Mul& op, Layer& layer);
void print_op(const Concat& op, Layer& layer);
void print_op(const Reshape& op, Layer& layer);
void print_op(const Transpose& op, Layer& layer);
void print_op(const Pad& op, Layer& layer);
void print_op(const Slice& op, Layer& layer);
void print_op(const Quantize& op, Layer& layer);

// Shared by the families.

/// A dimension or attribute as the kernels' int16; throws `Error` that names `what` when it does not fit.
std::string int16_text(std::int64_t value, std::string_view what);
/// `(mj_tile){0, rows, 0, channels}`: the whole output.
std::string whole_tile(std::int64_t rows, std::int64_t channels);
/// The nested initialiser of an mj_output.
std::string output_text(const Affine& y, const Int8Limits& limits);

/// Loops over several operands at once, with neighbouring dimensions merged where every operand allows: rows the
/// outermost, then up to three.
struct Loops {
  std::vector<std::int64_t> size;                ///< four
  std::vector<std::vector<std::int64_t>> steps;  ///< four per operand
};
/// `steps` holds one entry per dimension of `shape` for every operand. Throws `Error` when more than four loops remain.
Loops merge_loops(const Shape& shape, const std::vector<std::vector<std::int64_t>>& steps);

/// Elements between neighbours along each dimension, of row-major elements.
std::vector<std::int64_t> row_major_steps(const Shape& shape);
/// The same of `shape` broadcast to `full`.
std::vector<std::int64_t> broadcast_steps(const Shape& shape, const Shape& full);

}  // namespace mj
