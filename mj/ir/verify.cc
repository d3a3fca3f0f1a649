// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/verify.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

#include "mj/base/error.h"
#include "mj/ir/infer.h"
#include "mj/ir/verify_plan.h"

namespace mj {
namespace {

/// Zero points an element type allows: TFLite's int8 specification has them for i8 alone.
std::pair<std::int32_t, std::int32_t> zero_point_limits(DType dtype) {
  return dtype == DType::kI8 ? std::pair(-128, 127) : std::pair(0, 0);
}

void verify_quantization(const Value& value) {
  const Type& type = value.type;
  if (type.dtype == DType::kF32) {
    if (type.quant) fail("is f32 and has a quantisation; expected none");
    return;
  }
  if (!type.quant) fail("is {} without a quantisation; expected scale and zero point", dtype_name(type.dtype));
  const Quantization& quant = *type.quant;

  std::size_t channels = 1;
  if (quant.per_channel()) {
    if (!value.constant()) fail("is computed and quantised per channel; expected per tensor");
    if (static_cast<std::size_t>(quant.axis) >= type.shape.size()) {
      fail("is quantised along axis {}; shape {} has {}", quant.axis, shape_text(type.shape), type.shape.size());
    }
    channels = static_cast<std::size_t>(type.shape[static_cast<std::size_t>(quant.axis)]);
  } else if (quant.axis != -1) {
    fail("is quantised along axis {}; expected -1 (none) or a dimension", quant.axis);
  }
  if (quant.scale.size() != channels || quant.zero_point.size() != channels) {
    fail("has {} scales and {} zero points; expected {} of each", quant.scale.size(), quant.zero_point.size(),
         channels);
  }
  for (const float scale : quant.scale) {
    if (!(scale > 0 && std::isfinite(scale))) fail("has scale {}; expected a positive, finite number", scale);
  }
  const auto [low, high] = quant.per_channel() ? std::pair(0, 0) : zero_point_limits(type.dtype);
  for (const std::int32_t zero_point : quant.zero_point) {
    if (zero_point >= low && zero_point <= high) continue;
    if (low == high) fail("has zero point {}; expected {}", zero_point, low);
    fail("has zero point {}; expected {} to {}", zero_point, low, high);
  }
}

/// Bits and layouts that exist, on weights that they can hold. Float weights only ask for bits.
void verify_encoding(const Value& value) {
  const Encoding encoding = value.encoding;
  if (encoding.plain()) return;
  if (encoding.bits != 8 && encoding.bits != 4) fail("is stored in elements of {} bits; expected 8 or 4", encoding.bits);
  if (encoding.per_tensor && (!value.constant() || value.type.dtype != DType::kF32 || encoding.layout != Layout::kDense)) {
    fail("is {} and asks for one scale; expected a dense f32 constant", type_text(value.type));
  }
  const std::string_view name = encoding_name(encoding);
  if (!value.constant()) fail("is computed and stored as {}; expected a constant", name);
  if (value.type.dtype == DType::kF32) {
    if (encoding.layout != Layout::kDense) fail("is f32 and stored as {}; expected dense_int8 or dense_int4", name);
    return;
  }
  if (value.type.dtype != DType::kI8) fail("is {} and stored as {}; expected i8", dtype_name(value.type.dtype), name);
  if (value.type.shape.empty()) fail("is a scalar and stored as {}; expected a weight", name);
  encoded_size(value.data.as<std::int8_t>(), value.type.shape[0], encoding);
}

void verify_value(const Value& value) {
  with_context(fmt::format("value '{}'", value.name), [&] {
    check_shape(value.type.shape);
    verify_quantization(value);
    const auto held = static_cast<Bytes>(value.data.bytes().size());
    if (value.constant() && held != value.type.bytes()) {
      fail("constant holds {} bytes; {} needs {}", held, type_text(value.type), value.type.bytes());
    }
    verify_encoding(value);
  });
}

/// The scale of entry `c`; a single one stands for all.
double scale_of(const Quantization& quant, std::size_t c) { return quant.scale[quant.scale.size() == 1 ? 0 : c]; }

/// Weights have one scale or one per output and no zero point; the bias adds to accumulators, so its scale is their
/// own.
void verify_weights(const Graph& graph, const Node& node, const Type& output) {
  const Type& weight = graph.type(node.inputs[1]);
  if (!weight.quant) return;
  if (weight.quant->axis > 0) fail("weight is quantised along axis {}; expected axis 0 or none", weight.quant->axis);
  if (weight.quant->zero_point[0] != 0) fail("weight has zero point {}; expected 0", weight.quant->zero_point[0]);
  const Type& x = graph.type(node.inputs[0]);
  if (!x.quant || node.inputs.size() < 3) return;
  const Quantization& bias = *graph.type(node.inputs[2]).quant;
  for (std::size_t c = 0; c < static_cast<std::size_t>(weight.shape[0]); ++c) {
    // A fiftieth of an output step is what TFLite allows (GetQuantizedConvolutionMultipler, kernel_util.cc).
    const double expected = static_cast<double>(x.quant->scale[0]) * scale_of(*weight.quant, c);
    if (std::abs(scale_of(bias, c) - expected) > 0.02 * output.quant->scale[0]) {
      fail("bias {} has scale {}; input and weight make {}", c, static_cast<float>(scale_of(bias, c)),
           static_cast<float>(expected));
    }
  }
}

bool has_weights(const Op& op) { return std::holds_alternative<Conv2d>(op) || std::holds_alternative<Linear>(op); }

void verify_node_types(const Graph& graph, const Node& node) {
  const Type inferred = infer_type(graph, node.op, node.inputs);
  const Type& output = graph.type(node.output);
  if (output.shape != inferred.shape) {
    fail("output has shape {}; expected {}", shape_text(output.shape), shape_text(inferred.shape));
  }
  if (std::holds_alternative<Quantize>(node.op)) {
    if (output.dtype == DType::kI32) fail("output is i32; expected f32, i8 or i16");
  } else if (output.dtype != inferred.dtype) {
    fail("output is {}; expected {}", dtype_name(output.dtype), dtype_name(inferred.dtype));
  }

  const std::size_t activations = has_weights(node.op) ? 1 : node.inputs.size();
  for (std::size_t i = 0; i < activations; ++i) {
    const auto& quant = graph.type(node.inputs[i]).quant;
    if (quant && quant->per_channel()) fail("input {} is quantised per channel; expected per tensor", i);
    if (inferred.quant && quant != inferred.quant) fail("input {} has another quantisation than the first", i);
  }
  if (inferred.quant && output.quant != inferred.quant) fail("output has another quantisation than the input");
  if (has_weights(node.op)) verify_weights(graph, node, output);
}

/// Kernels decode the weights of conv2d and linear; those of depthwise convolutions only where they are dense.
void verify_stored_inputs(const Graph& graph, const Node& node) {
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const Value& value = graph.value(node.inputs[i]);
    if (value.encoding.plain()) continue;
    const std::string_view name = encoding_name(value.encoding);
    if (!has_weights(node.op) || i != 1) {
      fail("input {} ('{}') is stored as {}; expected a weight of conv2d or linear", i, value.name, name);
    }
    const auto* conv = std::get_if<Conv2d>(&node.op);
    if (conv && conv->groups > 1 && value.type.shape[3] == 1 && value.encoding.layout != Layout::kDense) {
      fail("weight of a depthwise convolution is stored as {}; expected dense_int8 or dense_int4", name);
    }
  }
}

/// Walks the graph in its order and keeps which values exist so far.
class Walk {
 public:
  explicit Walk(const Graph& graph) : graph_(graph), exists_(graph.values.size(), 0) {}

  void run() {
    for (std::size_t i = 0; i < graph_.values.size(); ++i) exists_[i] = graph_.values[i].constant();
    for (const ValueId id : graph_.inputs) input(id);
    for (const Node& node : graph_.nodes) {
      with_context(describe(node), [&] { step(node); });
    }
    for (std::size_t i = 0; i < graph_.values.size(); ++i) {
      if (!exists_[i]) fail("value '{}' is neither constant, input nor written by a node", graph_.values[i].name);
    }
    outputs();
  }

 private:
  const Value& at(const char* role, ValueId id) const {
    if (id < 0 || static_cast<std::size_t>(id) >= graph_.values.size()) {
      fail("{} is value {}; the graph has {} values", role, id, graph_.values.size());
    }
    return graph_.value(id);
  }

  void input(ValueId id) {
    const Value& value = at("graph input", id);
    if (value.constant()) fail("graph input '{}' is a constant", value.name);
    if (std::exchange(exists_[static_cast<std::size_t>(id)], 1)) fail("graph input '{}' is listed twice", value.name);
    if (value.type.dtype == DType::kI32) fail("graph input '{}' is i32; expected f32, i8 or i16", value.name);
  }

  void step(const Node& node) {
    for (const ValueId id : node.inputs) {
      const Value& value = at("an input", id);
      if (!exists_[static_cast<std::size_t>(id)]) fail("reads value '{}' before it is written", value.name);
    }
    const Value& value = at("output", node.output);
    if (value.constant()) fail("writes value '{}', which is a constant", value.name);
    if (std::exchange(exists_[static_cast<std::size_t>(node.output)], 1)) {
      fail("writes value '{}', which is written already", value.name);
    }
    verify_node_types(graph_, node);
    verify_stored_inputs(graph_, node);
  }

  void outputs() const {
    if (graph_.inputs.empty()) fail("the graph has no input");
    if (graph_.outputs.empty()) fail("the graph has no output");
    std::vector<char> listed(graph_.values.size(), 0);
    for (const ValueId id : graph_.outputs) {
      const Value& value = at("graph output", id);
      if (value.constant()) fail("graph output '{}' is a constant", value.name);
      if (std::exchange(listed[static_cast<std::size_t>(id)], 1)) fail("graph output '{}' is listed twice", value.name);
    }
  }

  const Graph& graph_;
  std::vector<char> exists_;
};

void verify_factors(const char* name, const std::vector<float>& factors, std::int64_t channels, bool zero_allowed) {
  if (factors.size() != 1 && static_cast<std::int64_t>(factors.size()) != channels) {
    fail("preprocess: {} has {} entries; expected 1 or one for each of the {} channels", name, factors.size(),
         channels);
  }
  for (const float factor : factors) {
    if (!std::isfinite(factor) || (factor == 0 && !zero_allowed)) {
      fail("preprocess: {} is {}; expected a finite number{}", name, factor, zero_allowed ? "" : " other than 0");
    }
  }
}

void verify_preprocess(const Graph& graph) {
  const Shape& input = graph.type(graph.inputs.front()).shape;
  const std::int64_t channels = input.empty() ? 1 : input.back();
  verify_factors("scale", {graph.preprocess.scale}, channels, false);
  verify_factors("mean", graph.preprocess.mean, channels, true);
  verify_factors("std", graph.preprocess.std, channels, false);
}

}  // namespace

void verify(const Graph& graph) {
  for (const Value& value : graph.values) verify_value(value);
  Walk(graph).run();
  const auto names = static_cast<std::int64_t>(graph.class_names.size());
  if (names != 0 && names != class_count(graph)) {
    fail("{} class names; the last output has {} elements", names, class_count(graph));
  }
  verify_preprocess(graph);
  if (graph.plan) with_context("plan", [&] { verify_plan(graph, *graph.plan); });
}

}  // namespace mj
