// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "mj/io/onnx/layout.h"
#include "mj/io/onnx/literal.h"
#include "mj/ir/graph.h"
#include "onnx.pb.h"

namespace mj::onnx {

/// A tensor of the file being written and how the graph's dimensions lie in it. The batch in front is not counted.
struct Written {
  std::string name;
  Layout layout;                      ///< of the graph's dimensions
  Shape stored;                       ///< the tensor's own dimensions
  std::optional<Quantization> quant;  ///< set when its elements are int8
  std::string source_name;            ///< the tensor that this one is a mere reshape of, if any
  Shape source_stored;
};

/// Writes a graph as an ONNX model; the mirror of `Importer`. Channels-last images become N,C,H,W; nothing is
/// transposed before somebody needs the order.
///
/// int8 values are tensors of their own: operators read them through DequantizeLinear and write them through
/// QuantizeLinear.
class Writer {
 public:
  explicit Writer(const Graph& graph) : graph_(graph) {}

  mj_onnx::ModelProto run();

 private:
  friend struct NodeWriter;

  void add_input(ValueId id);
  void add_output(ValueId id);
  /// Drops nodes and initialisers that no output needs.
  void prune();
  void add_value_info(mj_onnx::ValueInfoProto& info, const Written& tensor) const;

  const Written& written(ValueId id) const;
  /// The same tensor stored otherwise; Transpose and Reshape are only written where they are needed.
  Written arranged(const Written& tensor, const std::vector<std::vector<int>>& groups);
  Written in_order(const Written& tensor, const std::vector<int>& order);
  /// One stored dimension for each of the graph's; images as C,H,W where that is no more work.
  std::vector<int> cheapest_order(const Written& tensor) const;
  /// The name of a float tensor: the tensor itself, or what DequantizeLinear makes of it.
  std::string real(const Written& tensor);
  /// The same through a tensor that is float already.
  Written real_tensor(const Written& tensor);

  Literal literal(ValueId id) const;
  /// An initialiser, behind DequantizeLinear when it is quantised; the name of the float tensor.
  std::string constant(const Literal& literal);
  std::string integers(const std::string& name, const std::vector<std::int64_t>& list);
  std::string scalar(const std::string& name, float value);
  void add_initializer(const Literal& literal, const std::string& name);
  /// Scale and zero point as initialisers, for {De,}QuantizeLinear of `name`.
  std::vector<std::string> quantization(const std::string& name, const Quantization& quant, Elem elem);

  mj_onnx::NodeProto& add_node(const char* op, const std::vector<std::string>& inputs, const std::string& output);
  mj_onnx::NodeProto& add_clamp(const Range& range, const std::string& x, const std::string& y);
  void add_quantize(const std::string& x, const Quantization& quant, const std::string& y);
  mj_onnx::NodeProto& add_dequantize(const Written& x, const std::string& y);
  /// Gives a tensor another name wherever it is written or read.
  void rename(const std::string& from, const std::string& to);
  std::string unique(const std::string& name);

  /// The float tensor an operator computes, turned into what the value is: clamped, quantised, named.
  void finish(const Node& node, const std::string& computed, const Range* clamp, Layout layout, Shape stored);
  /// The name an operator's own result gets: the value's, or a temporary one when `finish` still has something to do.
  std::string result_name(const Node& node, const Range* clamp);

  const Graph& graph_;
  mj_onnx::ModelProto model_;
  mj_onnx::GraphProto* proto_ = nullptr;
  std::map<ValueId, Written> written_;
  std::map<ValueId, std::string> names_;
  std::set<std::string> taken_;  ///< names of tensors
  std::set<std::string> node_names_;
  std::map<std::string, std::string> dequantized_;
  std::map<std::tuple<std::string, std::vector<std::int64_t>, Shape>, std::string> arranged_;
};

/// Writes the operators, one overload each.
struct NodeWriter {
  Writer& w;
  const Node& node;
  const std::string& name;  ///< of the node in the file

  void operator()(const Conv2d& op) const;
  void operator()(const Linear& op) const;
  void operator()(const BatchNorm& op) const;
  void operator()(const Clamp& op) const;
  void operator()(const LeakyRelu& op) const;
  void operator()(const PRelu& op) const;
  void operator()(const HardSigmoid& op) const;
  void operator()(const HardSwish& op) const;
  void operator()(const Sigmoid& op) const;
  void operator()(const Tanh& op) const;
  void operator()(const Softmax& op) const;
  void operator()(const MaxPool& op) const;
  void operator()(const AvgPool& op) const;
  void operator()(const Mean& op) const;
  void operator()(const Add& op) const;
  void operator()(const Sub& op) const;
  void operator()(const Mul& op) const;
  void operator()(const Concat& op) const;
  void operator()(const Reshape& op) const;
  void operator()(const Transpose& op) const;
  void operator()(const Pad& op) const;
  void operator()(const Slice& op) const;
  void operator()(const Quantize& op) const;

 private:
  /// The operator itself, among all that stands for the node.
  mj_onnx::NodeProto& own(const char* op, const std::vector<std::string>& inputs, const std::string& y) const;
  const Written& input(std::size_t i) const { return w.written(node.inputs[i]); }
  Written image(std::size_t i) const;
  const Shape& output_shape() const { return w.graph_.type(node.output).shape; }
  void finish_image(const std::string& computed, const Range& clamp) const;
  void unary(const char* op, const std::vector<std::pair<const char*, float>>& attributes) const;
  void binary(const char* op, const Range& clamp) const;
  template <class Pool>
  void pool(const char* op_type, const Pool& op) const;
};

void set_attribute(mj_onnx::NodeProto& node, const char* name, std::int64_t value);
void set_attribute(mj_onnx::NodeProto& node, const char* name, float value);
void set_attribute(mj_onnx::NodeProto& node, const char* name, const std::vector<std::int64_t>& values);

}  // namespace mj::onnx
