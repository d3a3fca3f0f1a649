// SPDX-License-Identifier: Apache-2.0
// Operators whose parameters run along one dimension: products with a matrix, batch normalisation.
#include <numeric>

#include "mj/base/error.h"
#include "mj/io/onnx/importer.h"
#include "mj/io/onnx/layout.h"

namespace mj::onnx {
namespace {

/// `x` times a weight {outputs, features} along its last dimension, plus a bias {outputs} where there is one.
void product(Importer& importer, const NodeView& node, const Activation& x, Literal weight,
             std::optional<Literal> bias) {
  const std::int64_t features = x.dims().back();
  const std::int64_t outputs = weight.dims[0];
  if (weight.dims[1] != features) {
    fail("input has {} features; weight '{}' expects {}", features, weight.name, weight.dims[1]);
  }
  // Features may stay in the order they are stored in (a flattened image lies channels-last): the weight's columns
  // follow.
  const auto last = static_cast<std::size_t>(x.rank() - 1);
  const auto order = sorted(x.layout.axes[last]);
  weight = along_stored_order(weight, 1, x.layout, last);
  Groups groups;
  for (std::size_t d = importer.has_batch(x) ? 1 : 0; d < last; ++d) groups.push_back(x.layout.axes[d]);
  groups.push_back(order);
  const Activation in = importer.arrange(node.name(), x, groups);

  std::vector<ValueId> inputs{in.id, importer.weight(weight)};
  if (bias) inputs.push_back(importer.real_constant(*bias));
  Activation y{importer.add(node, Linear{}, inputs), in.layout, x.elem, {}};
  y.layout.dims.back() = outputs;
  y.layout.factors.resize(y.layout.factors.size() - order.size());
  y.layout.axes[last].clear();
  if (outputs > 1) {
    y.layout.axes[last] = {static_cast<int>(y.layout.factors.size())};
    y.layout.factors.push_back(outputs);
  }
  importer.set(node, 0, std::move(y));
}

Literal transposed_matrix(const Literal& matrix) { return permuted(matrix, std::array<std::int64_t, 2>{1, 0}); }

Literal scaled(const Literal& literal, float factor) {
  if (factor == 1) return literal;
  auto elements = reals(literal);
  for (float& e : elements) e *= factor;
  return float_literal(literal.name, literal.dims, elements);
}

/// One number per output from whatever broadcasts to {1, outputs}.
Literal row(const Literal& given, std::int64_t outputs) {
  Literal literal = given;
  if (given.quant && given.quant->per_channel() && given.count() != outputs) {
    literal = float_literal(given.name, given.dims, reals(given));
  }
  if (given.count() == 1 && outputs > 1) {
    return repeated(with_dims(literal, {1}), std::array<std::int64_t, 1>{outputs});
  }
  if (given.count() != outputs || given.dims.empty() || given.dims.back() != outputs) {
    fail("bias '{}' has shape {}; expected {}", given.name, shape_text(given.dims), outputs);
  }
  return with_dims(literal, {outputs}, 0);
}

void gemm(Importer& importer, const NodeView& node) {
  const Activation& x = importer.real_activation(node, 0);
  const Literal& given = importer.literal(node, 1, "weight");
  check_same_elem(x, given);
  if (x.rank() != 2) fail("input has {} dimensions; expected 2", x.rank());
  if (given.dims.size() != 2)
    fail("weight '{}' has shape {}; expected 2 dimensions", given.name, shape_text(given.dims));
  if (node.integer("transA", 0) != 0) unsupported("transA; transpose the input before");
  Literal weight = node.integer("transB", 0) != 0 ? given : transposed_matrix(given);
  weight = scaled(weight, node.real("alpha", 1));
  const float beta = node.real("beta", 1);
  std::optional<Literal> bias;
  if (node.has_input(2) && beta != 0) {
    const Literal& c = importer.literal(node, 2, "bias");
    check_same_elem(x, c);
    bias = scaled(row(c, weight.dims[0]), beta);
  }
  product(importer, node, x, std::move(weight), std::move(bias));
}

void matmul(Importer& importer, const NodeView& node) {
  const Activation& x = importer.real_activation(node, 0);
  Literal weight = importer.literal(node, 1, "second factor");
  check_same_elem(x, weight);
  if (x.rank() == 0) fail("input is a scalar; expected 1 dimension or more");
  while (weight.dims.size() > 2 && weight.dims[0] == 1) {
    if (weight.quant && weight.quant->per_channel()) --weight.quant->axis;
    weight.dims.erase(weight.dims.begin());
  }
  if (weight.dims.size() != 2) {
    unsupported("second factor '{}' has shape {}; expected a matrix", weight.name, shape_text(weight.dims));
  }
  product(importer, node, x, transposed_matrix(weight), std::nullopt);
}

void batch_normalization(Importer& importer, const NodeView& node) {
  const Activation& given = importer.real_activation(node, 0);
  if (node.integer("training_mode", 0) != 0) unsupported("training_mode; export the model in eval mode");
  if (node.integer("spatial", 1) != 1) unsupported("spatial=0; export to opset 9 or later");
  node.ignore("momentum");
  node.ignore("is_test");
  node.ignore("consumed_inputs");
  if (given.rank() < 2) fail("input has {} dimensions; expected 2 or more", given.rank());
  const Activation x = channels_last(importer, node, given);
  std::vector<ValueId> inputs{x.id};
  const char* const roles[] = {"scale", "bias", "mean", "variance"};
  for (int i = 1; i <= 4; ++i) {
    const Literal& parameter = importer.literal(node, i, roles[i - 1]);
    check_same_elem(x, parameter);
    if (parameter.dims != Shape{x.dims()[1]}) {
      fail("{} '{}' has shape {}; expected {}", roles[i - 1], parameter.name, shape_text(parameter.dims), x.dims()[1]);
    }
    const Literal plain = float_literal(parameter.name, parameter.dims, reals(parameter));
    inputs.push_back(importer.constant(along_stored_order(plain, 0, x.layout, 1)));
  }
  const Op op = BatchNorm{node.real("epsilon", 1e-5f)};
  importer.set(node, 0, Activation{importer.add(node, op, inputs), x.layout, x.elem, {}});
}

constexpr ConverterEntry kLinearConverters[] = {
    {"Gemm", gemm},
    {"MatMul", matmul},
    {"BatchNormalization", batch_normalization},
};

}  // namespace

Activation channels_last(Importer& importer, const NodeView& node, const Activation& x) {
  if (!importer.has_batch(x)) unsupported("dimension 0 of the input has size {}; expected the batch", x.dims()[0]);
  const auto& axes = x.layout.axes;
  const auto channels = sorted(axes[1]);
  std::vector<Groups> candidates;
  if (x.rank() == 4) candidates = {{axes[2], axes[3], channels}, {axes[3], axes[2], channels}};
  if (x.rank() == 3) candidates = {{{}, axes[2], channels}, {axes[2], channels}};
  if (candidates.empty()) {
    auto& groups = candidates.emplace_back(axes.begin() + 2, axes.end());
    groups.push_back(channels);
  }
  for (const auto& groups : candidates) {
    if (importer.plan(x, groups).none()) return importer.arrange(node.name(), x, groups);
  }
  return importer.arrange(node.name(), x, candidates.front());
}

std::span<const ConverterEntry> linear_converters() { return kLinearConverters; }

}  // namespace mj::onnx
