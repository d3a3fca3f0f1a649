// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "mj/emit/c_text.h"
#include "mj/ir/boxes.h"
#include "mj/ir/channel_constants.h"
#include "mj/ir/graph.h"
#include "mj/ir/int8.h"
#include "mj/ir/tiles.h"

namespace mj {

/// Stands for the tile in a call's arguments.
inline constexpr const char* kTile = "@tile";

/// One call of a kernel, for any tile of its extent.
struct KernelCall {
  Extent extent;
  std::string definitions;  ///< local constants before the call
  std::string text;         ///< with `kTile` where the tile goes
};

/// What one node becomes in C.
struct LayerCode {
  std::string constants;          ///< definitions at file scope
  std::vector<KernelCall> calls;
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
  /// Whether the output lies where the first input does.
  bool in_place() const;
  /// The boxes it is made of, how they are copied, and the name of the array that the border of a pad comes from.
  std::vector<Box> boxes() const { return mj::boxes(graph_, node_); }
  bool copies_by_rows() const { return mj::copies_by_rows(graph_, node_); }
  RowBoxes row_boxes() const { return mj::row_boxes(graph_, node_); }
  const std::string& border() const { return border_; }
  void set_border(std::string name) { border_ = std::move(name); }

  /// Adds definitions named `<op>_<index>` or `<op>_<index>_<what>` and returns that name.
  std::string define(std::string_view type, const Fields& fields, std::string_view what = "");
  template <class T>
  std::string define_array(std::string_view type, std::string_view what, std::span<const T> elements) {
    std::string name = own_name(what);
    code.constants += array_definition(type, name, elements);
    return name;
  }
  /// Adds an array of structs.
  std::string define_list(std::string_view type, std::size_t count, std::string_view elements);
  /// Adds `function(arguments);`, whose source in the runtime is `file`, for tiles of `extent`.
  void call(std::string_view function, std::string_view file, const Extent& extent,
            const std::vector<std::string>& arguments);
  /// The next call's argument for constants per channel named `weights`, `depth` weights each: where units cut channels,
  /// those of the tile. The weights are input 1, as they are encoded.
  std::string weights_argument(const std::string& weights, std::int64_t depth);
  /// Whether the channels of this conv2d or linear share their factor, and whether it adds biases: see channel_constants.h.
  bool one_factor() const { return has_one_factor(graph_, node_); }
  bool stores_bias() const { return has_biases(graph_, node_); }
  /// Whether units cut the terms of the next call's sums; if so, the argument that says which terms and sums.
  bool cuts_depth() const;
  std::string part_argument();

  LayerCode code;

 private:
  std::string own_name(std::string_view what) const;
  std::string place(ValueId value) const;
  /// How units cut the next call; null in continuous execution.
  const Tiling* tiling() const;

  const Graph& graph_;
  const Node& node_;
  std::int32_t index_;
  std::string border_;
  std::string definitions_;
};

/// Prints the node; throws `Error` when it has no integer kernel, or is larger than the kernels can count.
LayerCode print_layer(const Graph& graph, std::int32_t index);

/// The bytes of an i8 constant as it is stored.
std::vector<std::int8_t> stored_elements(const Graph& graph, ValueId constant);

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
/// `(mj_tile){0, rows, 0, columns, 0, channels}`: the whole output.
std::string whole_tile(const Extent& extent);
/// The place of an activation in the arena.
std::string place_text(ValueId value);
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

/// Elements between neighbours along each dimension of `shape` broadcast to `full`.
std::vector<std::int64_t> broadcast_steps(const Shape& shape, const Shape& full);

}  // namespace mj
