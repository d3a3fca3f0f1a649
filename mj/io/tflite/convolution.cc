// SPDX-License-Identifier: Apache-2.0
// Operators with windows, and fully connected layers.
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "mj/base/error.h"
#include "mj/io/tflite/importer.h"

namespace mj::tflite {
namespace {

using mj_tflite::Padding;

std::int64_t positive(const char* name, std::int32_t value) {
  if (value < 1) fail("{} is {}; expected 1 or more", name, value);
  return value;
}

/// One sample of an image.
const Activation& image(const Importer& importer, const OperatorView& op) {
  const Activation& x = importer.activation(op, 0);
  if (x.dims.size() != 4) {
    fail("input '{}' has shape {}; expected batch x height x width x channels", op.input(0).name(), shape_text(x.dims));
  }
  if (!has_batch(x.dims)) {
    unsupported("its input '{}' holds a batch of {}; convert a network that keeps to one sample", op.input(0).name(),
                x.dims[0]);
  }
  return x;
}

/// Elements added {before, after} one axis: with SAME as many as give ceil(size / stride) windows, the odd one behind
/// (tensorflow/lite/kernels/padding.h).
Pair padding_of(Padding kind, std::int64_t size, std::int64_t window, std::int64_t stride) {
  if (kind == Padding::VALID) return {0, 0};
  if (kind != Padding::SAME) fail("padding is {}; expected SAME (0) or VALID (1)", static_cast<int>(kind));
  const std::int64_t windows = (size + stride - 1) / stride;
  const std::int64_t total = std::max<std::int64_t>((windows - 1) * stride + window - size, 0);
  return {total / 2, total - total / 2};
}

mj::Padding padding_of(Padding kind, const Shape& dims, const Pair& window, const Pair& stride) {
  const Pair rows = padding_of(kind, dims[1], window[0], stride[0]);
  const Pair columns = padding_of(kind, dims[2], window[1], stride[1]);
  return {rows[0], columns[0], rows[1], columns[1]};
}

/// A window result with its batch.
void set_image(Importer& importer, const OperatorView& op, ValueId id) {
  Shape dims = importer.graph.type(id).shape;
  dims.insert(dims.begin(), 1);
  importer.set(op, 0, id, dims);
}

template <class Options>
void convolution(Importer& importer, const OperatorView& op, bool depthwise) {
  op.expect(2, 3);
  const Activation& x = image(importer, op);
  const auto& options = op.options<Options>();
  Conv2d conv;
  conv.stride = {positive("stride_h", options.stride_h()), positive("stride_w", options.stride_w())};
  conv.dilation = {positive("dilation_h_factor", options.dilation_h_factor()),
                   positive("dilation_w_factor", options.dilation_w_factor())};
  conv.clamp = fused_range(options.fused_activation_function());
  const ValueId weight = importer.weight(op, importer.type(x).dtype, depthwise);
  const Shape& shape = importer.graph.type(weight).shape;
  if (shape.size() != 4) {
    fail("weight '{}' has shape {}; expected outputs x rows x columns x channels", op.input(1).name(),
         shape_text(shape));
  }
  const std::int64_t channels = x.dims[3];
  if (channels % shape[3] != 0) {
    fail("input '{}' has {} channels; expected a multiple of the weight's {}", op.input(0).name(), channels, shape[3]);
  }
  conv.groups = channels / shape[3];
  const Pair window{(shape[1] - 1) * conv.dilation[0] + 1, (shape[2] - 1) * conv.dilation[1] + 1};
  conv.pad = padding_of(options.padding(), x.dims, window, conv.stride);
  set_image(importer, op, importer.add(op, conv, importer.with_bias(op, x.id, weight)));
}

void conv_2d(Importer& importer, const OperatorView& op) { convolution<mj_tflite::Conv2DOptions>(importer, op, false); }

void depthwise_conv_2d(Importer& importer, const OperatorView& op) {
  convolution<mj_tflite::DepthwiseConv2DOptions>(importer, op, true);
}

/// Pools need one quantisation on both sides; TFLite's kernels let scales differ by 1e-6 and copy bytes all the same.
/// The maximum keeps its input's type here, so its input is converted first.
ValueId pool_input(Importer& importer, const OperatorView& op, ValueId x, bool moves) {
  const Type stated = importer.stated_type(op.output(0), importer.graph.type(x).shape);
  const auto from = importer.graph.type(x).quant;
  if (!from || !stated.quant || *from == *stated.quant) return x;
  if (from->zero_point != stated.quant->zero_point ||
      std::abs(static_cast<double>(from->scale[0] - stated.quant->scale[0])) > 1e-6) {
    fail("output '{}' is quantised differently from the input; expected the same", op.output(0).name());
  }
  return moves ? importer.add_quantize(op, x, stated.dtype, stated.quant) : x;
}

template <class Pool>
void pool(Importer& importer, const OperatorView& op) {
  op.expect(1, 1);
  const Activation& x = image(importer, op);
  const auto& options = op.options<mj_tflite::Pool2DOptions>();
  Pool pool;
  pool.kernel = {positive("filter_height", options.filter_height()), positive("filter_width", options.filter_width())};
  pool.stride = {positive("stride_h", options.stride_h()), positive("stride_w", options.stride_w())};
  pool.pad = padding_of(options.padding(), x.dims, pool.kernel, pool.stride);
  pool.clamp = fused_range(options.fused_activation_function());
  set_image(importer, op, importer.add(op, pool, {pool_input(importer, op, x.id, std::is_same_v<Pool, MaxPool>)}));
}

/// Every input is rows of as many features as the weight has columns, whatever its shape.
void fully_connected(Importer& importer, const OperatorView& op) {
  op.expect(2, 3);
  const Activation& x = importer.activation(op, 0);
  const auto* options = op.optional_options<mj_tflite::FullyConnectedOptions>();
  if (options && options->weights_format() != mj_tflite::WeightsFormat::DEFAULT) {
    unsupported("its weights are shuffled for another processor; convert with default weights");
  }
  const ValueId weight = importer.weight(op, importer.type(x).dtype, false);
  const Shape& shape = importer.graph.type(weight).shape;
  if (shape.size() != 2) {
    fail("weight '{}' has shape {}; expected outputs x features", op.input(1).name(), shape_text(shape));
  }
  const std::int64_t outputs = shape[0], features = shape[1];
  const std::int64_t count = element_count(x.dims);
  if (count % features != 0) {
    fail("input '{}' has {} elements; expected a multiple of the weight's {} features", op.input(0).name(), count,
         features);
  }
  Shape rows{count / features, features};
  Shape dims{rows[0], outputs};
  if (options && options->keep_num_dims()) {
    if (x.dims.empty() || x.dims.back() != features) {
      fail("input '{}' has shape {}; the weight expects {} features", op.input(0).name(), shape_text(x.dims), features);
    }
    rows = x.dims;
    dims = x.dims;
    dims.back() = outputs;
  }
  const ValueId flat = importer.reshaped(op, x.id, stored_shape(rows));
  const Linear linear{options ? fused_range(options->fused_activation_function()) : Range{}};
  importer.set(op, 0, importer.add(op, linear, importer.with_bias(op, flat, weight)), dims);
}

constexpr ConverterEntry kConvolutionConverters[] = {
    {BuiltinOperator::CONV_2D, conv_2d},
    {BuiltinOperator::DEPTHWISE_CONV_2D, depthwise_conv_2d},
    {BuiltinOperator::FULLY_CONNECTED, fully_connected},
    {BuiltinOperator::AVERAGE_POOL_2D, pool<AvgPool>},
    {BuiltinOperator::MAX_POOL_2D, pool<MaxPool>},
};

}  // namespace

std::span<const ConverterEntry> convolution_converters() { return kConvolutionConverters; }

}  // namespace mj::tflite
