// SPDX-License-Identifier: Apache-2.0
// Tensors, constants and the frame of the file; operators are in writer_nodes.cc.
#include "mj/io/onnx/writer.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/io/onnx.h"
#include "mj/io/onnx/metadata.h"
#include "mj/io/onnx/node_view.h"

namespace mj::onnx {
namespace {

constexpr int kIrVersion = 7;  // the one of opset 13 and 14
constexpr int kOpset = 13;
constexpr int kHardSwishOpset = 14;

/// Whether the node is more than a conversion or another order of what it reads.
bool computes(const Op& op) {
  return !std::holds_alternative<Reshape>(op) && !std::holds_alternative<Transpose>(op) &&
         !std::holds_alternative<Quantize>(op);
}

std::string made_unique(std::set<std::string>& taken, const std::string& name) {
  if (taken.insert(name).second) return name;
  for (int n = 2;; ++n) {
    std::string candidate = fmt::format("{}_{}", name, n);
    if (taken.insert(candidate).second) return candidate;
  }
}

}  // namespace

void set_attribute(mj_onnx::NodeProto& node, const char* name, std::int64_t value) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(mj_onnx::AttributeProto::INT);
  attribute.set_i(value);
}

void set_attribute(mj_onnx::NodeProto& node, const char* name, float value) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(mj_onnx::AttributeProto::FLOAT);
  attribute.set_f(value);
}

void set_attribute(mj_onnx::NodeProto& node, const char* name, const std::vector<std::int64_t>& values) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(mj_onnx::AttributeProto::INTS);
  attribute.mutable_ints()->Add(values.begin(), values.end());
}

mj_onnx::ModelProto Writer::run() {
  model_.set_ir_version(kIrVersion);
  model_.set_producer_name("millijoule");
  proto_ = model_.mutable_graph();
  proto_->set_name("network");
  const bool hard_swish = std::any_of(graph_.nodes.begin(), graph_.nodes.end(),
                                      [](const Node& node) { return std::holds_alternative<HardSwish>(node.op); });
  auto& opset = *model_.add_opset_import();
  opset.set_domain("");
  opset.set_version(hard_swish ? kHardSwishOpset : kOpset);

  // Inputs and outputs keep their names whatever else is called the same.
  const auto reserve = [&](ValueId id) {
    const auto& name = graph_.value(id).name;
    names_[id] = unique(name.empty() ? "value" : name);
  };
  for (ValueId id : graph_.inputs) reserve(id);
  for (ValueId id : graph_.outputs) {
    if (!names_.contains(id)) reserve(id);
  }
  for (std::size_t i = 0; i < graph_.values.size(); ++i) {
    if (!names_.contains(static_cast<ValueId>(i))) reserve(static_cast<ValueId>(i));
  }
  for (ValueId id : graph_.inputs) add_input(id);
  // ONNX Runtime wants names of nodes to be unique; what computes keeps its own before what only moves, and that
  // before what is inserted.
  std::vector<std::string> names(graph_.nodes.size());
  for (const bool computing : {true, false}) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      const Node& node = graph_.nodes[i];
      if (computes(node.op) == computing) {
        names[i] = made_unique(node_names_, node.name.empty() ? op_name(node.op) : node.name);
      }
    }
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Node& node = graph_.nodes[i];
    with_context(describe(node), [&] { std::visit(NodeWriter{*this, node, names[i]}, node.op); });
  }
  for (ValueId id : graph_.outputs) add_output(id);
  prune();
  write_metadata(graph_, names, model_);
  return std::move(model_);
}

void Writer::add_input(ValueId id) {
  const Type& type = graph_.type(id);
  const std::vector<int> image{2, 0, 1};
  std::vector<int> order(type.shape.size());
  std::iota(order.begin(), order.end(), 0);
  if (order.size() == 3) order = image;
  Shape stored;
  for (int d : order) stored.push_back(type.shape[static_cast<std::size_t>(d)]);
  Written input{names_.at(id), stored_in_order(type.shape, order), std::move(stored), type.quant, {}, {}};
  add_value_info(*proto_->add_input(), input);
  written_[id] = std::move(input);
}

void Writer::add_output(ValueId id) {
  const std::string name = names_.at(id);
  const Written tensor = written(id);
  std::vector<int> order(tensor.layout.dims.size());
  std::iota(order.begin(), order.end(), 0);
  if (order.size() == 3) order = {2, 0, 1};
  Written output = in_order(tensor, order);
  if (const auto& quant = graph_.type(id).quant; quant && !output.quant) {
    // An integer input is reordered as real numbers.
    const std::string real = std::exchange(output.name, unique(name + "_quantized"));
    add_quantize(real, *quant, output.name);
    output.quant = quant;
  }
  if (output.name != name) {
    // The name belongs to the file's output; what has it now is a step on the way there.
    rename(name, unique(name + "_stored"));
    const auto is_taken = [&](const auto& info) { return info.name() == output.name; };
    if (std::any_of(proto_->input().begin(), proto_->input().end(), is_taken) ||
        std::any_of(proto_->output().begin(), proto_->output().end(), is_taken)) {
      add_node("Identity", {output.name}, name);
    } else {
      rename(output.name, name);
    }
    output.name = name;
  }
  add_value_info(*proto_->add_output(), output);
}

void Writer::prune() {
  std::set<std::string> needed;
  for (const auto& info : proto_->output()) needed.insert(info.name());
  auto& nodes = *proto_->mutable_node();
  std::vector<bool> dead(static_cast<std::size_t>(nodes.size()), true);
  for (int i = nodes.size() - 1; i >= 0; --i) {
    if (!needed.contains(nodes[i].output(0))) continue;
    dead[static_cast<std::size_t>(i)] = false;
    needed.insert(nodes[i].input().begin(), nodes[i].input().end());
  }
  std::size_t at = 0;
  nodes.erase(std::remove_if(nodes.begin(), nodes.end(), [&](const auto&) { return dead[at++]; }), nodes.end());
  auto& initializers = *proto_->mutable_initializer();
  initializers.erase(std::remove_if(initializers.begin(), initializers.end(),
                                    [&](const auto& tensor) { return !needed.contains(tensor.name()); }),
                     initializers.end());
}

void Writer::rename(const std::string& from, const std::string& to) {
  const auto replace = [&](std::string& name) {
    if (name == from) name = to;
  };
  for (auto& node : *proto_->mutable_node()) {
    std::for_each(node.mutable_input()->begin(), node.mutable_input()->end(), replace);
    std::for_each(node.mutable_output()->begin(), node.mutable_output()->end(), replace);
  }
  for (auto& [id, tensor] : written_) {
    replace(tensor.name);
    replace(tensor.source_name);
  }
  // What was derived from the tensor is not looked up by its old name again.
  dequantized_.clear();
  arranged_.clear();
}

void Writer::add_value_info(mj_onnx::ValueInfoProto& info, const Written& tensor) const {
  info.set_name(tensor.name);
  auto& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(static_cast<int>(tensor.quant ? Elem::kInt8 : Elem::kFloat));
  type.mutable_shape()->add_dim()->set_dim_param("N");
  for (std::int64_t d : tensor.stored) type.mutable_shape()->add_dim()->set_dim_value(d);
}

const Written& Writer::written(ValueId id) const {
  const auto found = written_.find(id);
  if (found == written_.end()) fail("reads constant '{}' where ONNX wants a computed tensor", graph_.value(id).name);
  return found->second;
}

Written Writer::arranged(const Written& tensor_given, const std::vector<std::vector<int>>& groups) {
  Written given = tensor_given;
  const auto needed = rearrange(given.layout, given.stored, groups);
  if (needed.none()) return given;
  if (needed.perm && !given.source_name.empty()) {
    given.name = given.source_name;
    given.stored = given.source_stored;
  }
  const bool is_input =
      std::any_of(graph_.inputs.begin(), graph_.inputs.end(), [&](ValueId id) { return names_.at(id) == given.name; });
  // The type of an integer input is told by the DequantizeLinear that reads it directly.
  const Written tensor = is_input ? real_tensor(given) : given;
  Rearrangement moves = rearrange(tensor.layout, tensor.stored, groups);
  Written result{tensor.name, moves.layout, tensor.stored, tensor.quant, {}, {}};
  const auto reshape = [&](const Shape& shape) {
    auto [known, is_new] = arranged_.try_emplace({result.name, {}, shape}, std::string());
    if (is_new) {
      known->second = unique(result.name + "_reshaped");
      // 0 copies the batch.
      std::vector<std::int64_t> target{0};
      target.insert(target.end(), shape.begin(), shape.end());
      add_node("Reshape", {result.name, integers(known->second + "_shape", target)}, known->second);
    }
    result.name = known->second;
    result.stored = shape;
  };
  if (moves.split) reshape(*moves.split);
  if (moves.perm) {
    auto [known, is_new] = arranged_.try_emplace({result.name, *moves.perm, Shape{}}, std::string());
    Shape shape;
    std::vector<std::int64_t> perm{0};
    for (std::int64_t p : *moves.perm) {
      shape.push_back(result.stored[static_cast<std::size_t>(p)]);
      perm.push_back(p + 1);
    }
    if (is_new) {
      known->second = unique(result.name + "_transposed");
      set_attribute(add_node("Transpose", {result.name}, known->second), "perm", perm);
    }
    result.name = known->second;
    result.stored = shape;
  }
  if (moves.shape) reshape(*moves.shape);
  return result;
}

Written Writer::in_order(const Written& tensor, const std::vector<int>& order) {
  std::vector<std::vector<int>> groups;
  for (int d : order) groups.push_back(tensor.layout.axes[static_cast<std::size_t>(d)]);
  return arranged(tensor, groups);
}

std::vector<int> Writer::cheapest_order(const Written& tensor) const {
  std::vector<int> named(tensor.layout.dims.size());
  std::iota(named.begin(), named.end(), 0);
  if (named.size() != 3) return named;
  const std::vector<int> image{2, 0, 1};
  const auto price = [&](const std::vector<int>& order) {
    std::vector<std::vector<int>> groups;
    for (int d : order) groups.push_back(tensor.layout.axes[static_cast<std::size_t>(d)]);
    const auto moves = rearrange(tensor.layout, tensor.stored, groups);
    return 2 * moves.moves() + (moves.none() ? 0 : 1);
  };
  return price(named) < price(image) ? named : image;
}

std::string Writer::real(const Written& tensor) {
  if (!tensor.quant) return tensor.name;
  auto [known, is_new] = dequantized_.try_emplace(tensor.name, std::string());
  if (is_new) {
    known->second = unique(tensor.name + "_dequantized");
    add_dequantize(tensor, known->second);
  }
  return known->second;
}

mj_onnx::NodeProto& Writer::add_dequantize(const Written& x, const std::string& y) {
  if (!x.quant) fail("dequantises '{}', which is not quantised", x.name);
  const auto factors = quantization(x.name, *x.quant, Elem::kInt8);
  return add_node("DequantizeLinear", {x.name, factors[0], factors[1]}, y);
}

void Writer::add_quantize(const std::string& x, const Quantization& quant, const std::string& y) {
  const auto factors = quantization(y, quant, Elem::kInt8);
  add_node("QuantizeLinear", {x, factors[0], factors[1]}, y);
}

Written Writer::real_tensor(const Written& tensor) {
  return {real(tensor), tensor.layout, tensor.stored, std::nullopt, {}, {}};
}

Literal Writer::literal(ValueId id) const {
  const Value& value = graph_.value(id);
  const DType dtype = value.type.dtype;
  if (dtype == DType::kI16) fail("'{}' is i16; ONNX has int8 only in its quantised operators", value.name);
  const Elem elem = dtype == DType::kF32 ? Elem::kFloat : dtype == DType::kI8 ? Elem::kInt8 : Elem::kInt32;
  return {names_.at(id), elem, value.type.shape, value.data, value.type.quant};
}

void Writer::add_initializer(const Literal& literal, const std::string& name) {
  auto& tensor = *proto_->add_initializer();
  tensor.set_name(name);
  tensor.mutable_dims()->Add(literal.dims.begin(), literal.dims.end());
  tensor.set_data_type(static_cast<int>(literal.elem));
  const auto bytes = literal.data.bytes();
  tensor.set_raw_data(bytes.data(), bytes.size());
}

std::string Writer::constant(const Literal& literal) {
  const std::string stored = unique(literal.name);
  add_initializer(literal, stored);
  if (!literal.quant) return stored;
  const auto factors = quantization(stored, *literal.quant, literal.elem);
  const std::string name = unique(stored + "_dequantized");
  auto& node = add_node("DequantizeLinear", {stored, factors[0], factors[1]}, name);
  if (literal.quant->per_channel()) set_attribute(node, "axis", std::int64_t{literal.quant->axis});
  return name;
}

std::vector<std::string> Writer::quantization(const std::string& name, const Quantization& quant, Elem elem) {
  const Shape dims = quant.per_channel() ? Shape{static_cast<std::int64_t>(quant.scale.size())} : Shape{};
  const std::string scale = unique(name + "_scale"), zero = unique(name + "_zero_point");
  add_initializer(float_literal({}, dims, quant.scale), scale);
  Literal zeros{{}, elem, dims, {}, {}};
  if (elem == Elem::kInt8) {
    zeros.data = Constant::of(
        std::span<const std::int8_t>(std::vector<std::int8_t>(quant.zero_point.begin(), quant.zero_point.end())));
  } else {
    zeros.data = Constant::of(std::span<const std::int32_t>(quant.zero_point));
  }
  add_initializer(zeros, zero);
  return {scale, zero};
}

std::string Writer::integers(const std::string& name, const std::vector<std::int64_t>& list) {
  const std::string stored = unique(name);
  add_initializer(integer_literal({}, {static_cast<std::int64_t>(list.size())}, list), stored);
  return stored;
}

std::string Writer::scalar(const std::string& name, float value) {
  const std::string stored = unique(name);
  add_initializer(float_literal({}, {}, {&value, 1}), stored);
  return stored;
}

mj_onnx::NodeProto& Writer::add_node(const char* op, const std::vector<std::string>& inputs,
                                     const std::string& output) {
  auto& node = *proto_->add_node();
  node.set_name(made_unique(node_names_, output));
  node.set_op_type(op);
  for (const auto& input : inputs) node.add_input(input);
  node.add_output(output);
  return node;
}

std::string Writer::unique(const std::string& name) { return made_unique(taken_, name); }

std::string Writer::result_name(const Node& node, const Range* clamp) {
  const std::string& name = names_.at(node.output);
  const bool more = graph_.type(node.output).quant || (clamp && !clamp->none());
  return more ? unique(name + "_real") : name;
}

void Writer::finish(const Node& node, const std::string& computed, const Range* clamp, Layout layout, Shape stored) {
  const Type& type = graph_.type(node.output);
  const std::string& name = names_.at(node.output);
  std::string real = computed;
  if (clamp && !clamp->none()) {
    const std::string clamped = type.quant ? unique(name + "_clamped") : name;
    add_clamp(*clamp, real, clamped).set_doc_string(kFusedMark);
    real = clamped;
  }
  if (type.quant) {
    if (type.dtype != DType::kI8) fail("output is {}; ONNX has int8 only", dtype_name(type.dtype));
    add_quantize(real, *type.quant, name);
  }
  written_[node.output] = {name, std::move(layout), std::move(stored), type.quant, {}, {}};
}

mj_onnx::NodeProto& Writer::add_clamp(const Range& range, const std::string& x, const std::string& y) {
  if (range == Range{0, kInfinity}) return add_node("Relu", {x}, y);
  std::vector<std::string> inputs{x};
  if (range.low != -kInfinity || range.high != kInfinity) {
    inputs.push_back(range.low == -kInfinity ? "" : scalar(y + "_min", range.low));
  }
  if (range.high != kInfinity) inputs.push_back(scalar(y + "_max", range.high));
  return add_node("Clip", inputs, y);
}

}  // namespace mj::onnx

namespace mj {

std::vector<std::byte> print_onnx(const Graph& graph) {
  const auto model = onnx::Writer(graph).run();
  const std::size_t size = model.ByteSizeLong();
  if (size > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    fail("the model has {} bytes; expected less than 2 GiB", size);
  }
  std::vector<std::byte> bytes(size);
  google::protobuf::io::ArrayOutputStream array(bytes.data(), static_cast<int>(size));
  google::protobuf::io::CodedOutputStream stream(&array);
  stream.SetSerializationDeterministic(true);
  MJ_CHECK(model.SerializeToCodedStream(&stream));
  return bytes;
}

void write_onnx(const std::filesystem::path& path, const Graph& graph) { write_file(path, print_onnx(graph)); }

}  // namespace mj
