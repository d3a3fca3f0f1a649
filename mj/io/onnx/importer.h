// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

#include "mj/io/onnx.h"
#include "mj/io/onnx/layout.h"
#include "mj/io/onnx/literal.h"
#include "mj/io/onnx/node_view.h"
#include "mj/ir/graph.h"

namespace mj_onnx {
class ModelProto;
class ValueInfoProto;
}  // namespace mj_onnx

namespace mj::onnx {

/// A computed tensor of the file: the value of the graph that stores it, and how ONNX's dimensions lie in it.
struct Activation {
  ValueId id = -1;
  Layout layout;
  Elem elem = Elem::kFloat;
  std::string via;      ///< the last node that only relabelled; names what is inserted when its order is needed
  ValueId source = -1;  ///< the value that `id` is a mere reshape of; where a transpose would start from

  const Shape& dims() const { return layout.dims; }
  int rank() const { return static_cast<int>(layout.dims.size()); }
};

/// What a name of the file stands for while importing; nothing yet known after an unsupported node.
struct Unknown {};
using Symbol = std::variant<Unknown, Literal, Activation>;

/// Groups of factors, one for each stored dimension wanted.
using Groups = std::vector<std::vector<int>>;

/// Turns an ONNX model into a graph; what the converters of single operators work on.
///
/// A converter reads inputs with `activation` and `literal`, brings them into the order it needs with `arrange`,
/// appends nodes to `graph`, and names its result with `set`. It throws `Error` when the file contradicts itself and
/// calls `unsupported` when it asks for something that does not exist here.
class Importer {
 public:
  Importer(mj_onnx::ModelProto& model, std::filesystem::path folder);

  ImportResult run();

  Graph graph;

  int opset() const { return opset_; }
  /// The fixed batch of the file, 1 when it is free.
  std::int64_t batch() const { return batch_; }
  bool batch_is_free() const { return batch_is_free_; }
  const std::filesystem::path& folder() const { return folder_; }

  /// Inputs of the node; `Error` when missing.
  bool is_literal(const NodeView& node, int i) const;
  const Activation& activation(const NodeView& node, int i);
  /// The same, of real numbers: `Error` when it holds integers.
  const Activation& real_activation(const NodeView& node, int i);
  const Literal& literal(const NodeView& node, int i, const char* role);
  /// Integers that a list, an axis or a shape is made of.
  std::vector<std::int64_t> integer_list(const NodeView& node, int i, const char* role);

  void set(const NodeView& node, int output, Activation activation);
  void set(const NodeView& node, int output, Literal literal);

  /// The same tensor with other dimensions; a node is only needed where the stored dimensions change with them.
  Activation relabelled(const NodeView& node, const Activation& x, Layout layout) const;

  /// Appends a node that reads `x` first and gives a value with the same shape and layout.
  Activation same_layout(const NodeView& node, Op op, const Activation& x, std::vector<ValueId> more = {});
  /// Appends a node and names its output value for the node's output.
  ValueId add(const NodeView& node, Op op, std::vector<ValueId> inputs, int output = 0);
  /// A constant of the graph with the literal's dimensions as they are, as real numbers. Quantised integers stay what
  /// they are behind a quantize node, for `fold_quantize` to find.
  ValueId constant(const Literal& literal);
  /// A weight, outputs first: int8 where conv2d and linear can take it so, else real numbers.
  ValueId weight(const Literal& literal);
  /// Real numbers, dequantised where needed.
  ValueId real_constant(const Literal& literal);
  /// A constant that broadcasts against `x`: its elements in the order in which x is stored.
  ValueId broadcast_constant(const Literal& literal, const Activation& x);

  /// `x` stored so that dimension i is made of groups[i]; nodes, called `name`, are only inserted where something has
  /// to move.
  Activation arrange(const std::string& name, const Activation& x, const Groups& groups);
  /// What `arrange` has to do, starting at `from`.
  struct Plan {
    Rearrangement moves;
    ValueId from = -1;
    bool none() const { return moves.none(); }
  };
  Plan plan(const Activation& x, const Groups& groups) const;
  /// One stored dimension for each entry of `order` (an index of x.dims(), or -1 for a dimension of size 1). Whatever
  /// has a size above 1 is listed.
  Activation in_order(const std::string& name, const Activation& x, const std::vector<int>& order);
  /// An order for `in_order` that moves nothing if there is one: channels last, as named, or as stored.
  std::vector<int> cheapest_order(const Activation& x) const;
  /// Everything in ONNX's order, the batch dropped.
  Activation logical(const std::string& name, const Activation& x);
  /// Dimension 0 is the batch, which is not stored.
  bool has_batch(const Activation& x) const { return x.rank() > 1 && x.layout.axes[0].empty(); }
  /// Stops at operators that would mix the samples of a fixed batch.
  void check_batch_kept(const Shape& dims) const;

  /// Results of nodes that our writer split off the operator beside them.
  std::vector<ValueId> marked;

  /// The name, made unique among the values of the graph.
  std::string value_name(std::string name);

  /// The input of the file when its elements are integers: reading it as real numbers or through DequantizeLinear
  /// settles which type it has in the graph.
  enum class IntegerInput { kNone, kOpen, kReal, kQuantized };
  IntegerInput integer_input = IntegerInput::kNone;

 private:
  void read_opsets();
  std::vector<int> sorted_nodes();
  std::vector<bool> live_nodes(const std::vector<int>& order);
  void add_graph_input(const mj_onnx::ValueInfoProto& info);
  void convert(int index);
  void dispatch(const NodeView& node);
  void add_outputs();
  void name_outputs();
  Symbol& symbol(const NodeView& node, int i);
  void release(const NodeView& node);

  mj_onnx::ModelProto& model_;
  std::filesystem::path folder_;
  int opset_ = 0;
  std::int64_t batch_ = 1;
  bool batch_is_free_ = false;
  std::unordered_map<std::string, Symbol> symbols_;
  std::unordered_map<std::string, int> initializers_;  ///< not turned into literals yet
  std::unordered_map<std::string, int> readers_;       ///< nodes still to come that read a name
  std::set<std::string> value_names_;
  std::map<std::tuple<ValueId, std::vector<std::int64_t>, Shape>, ValueId> arranged_;
  std::vector<Unsupported> unsupported_;
};

/// An image or a signal as the window operators want it.
struct Image {
  Activation x;          ///< stored {H,W,C}, or {W,H,C} when `swapped`
  int spatial = 2;       ///< dimensions of a window in the file
  bool swapped = false;  ///< stored with rows and columns exchanged, because it lay so already

  /// One number per window dimension of the file as {stored rows, stored columns}.
  Pair pair(const std::vector<std::int64_t>& values, std::int64_t missing) const;
  /// The layout of a result stored {rows, columns, channels}.
  Layout layout(std::int64_t batch, const Shape& stored) const;
};
Image as_image(Importer& importer, const NodeView& node, const Activation& x);

/// `x` with the channels (dimension 1) last, for operators that have one parameter per channel.
Activation channels_last(Importer& importer, const NodeView& node, const Activation& x);

/// Scale and zero point of a QuantizeLinear or DequantizeLinear, as int8: uint8 is shifted by 128.
struct QuantizeParameters {
  Quantization quant;
  Elem elem = Elem::kUint8;  ///< what the file stores
};
QuantizeParameters quantize_parameters(Importer& importer, const NodeView& node, const Shape& dims);

/// Dimension `axis` counted from the end when negative; `Error` outside of -rank..rank-1.
int checked_axis(std::int64_t axis, int rank);

/// Converts one node whose inputs hold at least one activation.
using Converter = void (*)(Importer&, const NodeView&);
struct ConverterEntry {
  std::string_view op;
  Converter convert;
};

// The operators of each family; the importer looks a node's operator up in all of them.
std::span<const ConverterEntry> convolution_converters();
std::span<const ConverterEntry> linear_converters();
std::span<const ConverterEntry> elementwise_converters();
std::span<const ConverterEntry> shape_converters();
std::span<const ConverterEntry> selection_converters();
std::span<const ConverterEntry> quantize_converters();

/// Evaluates a node whose inputs are all known.
void fold_constants(Importer& importer, const NodeView& node);
/// What to do about an operator that is not in the tables.
std::string remedy(std::string_view op);

/// Which dimension of the input holds the channels, found by following it to the first operator that says so; -1 when
/// there is none.
int channel_dimension(const mj_onnx::ModelProto& model, const std::string& input, const Shape& dims);

/// `Error` unless the literal holds real numbers of the type that the computed input has.
void check_same_elem(const Activation& x, const Literal& literal);

}  // namespace mj::onnx
