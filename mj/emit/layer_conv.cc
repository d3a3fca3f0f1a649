// SPDX-License-Identifier: Apache-2.0

// Convolutions and fully connected layers.
#include <fmt/format.h>

#include <cstdlib>
#include <limits>
#include <utility>

#include "mj/base/error.h"
#include "mj/emit/layer.h"

namespace mj {
namespace {

const Quantization& weight_quantization(const Layer& layer) {
  const Type& weight = layer.input(1);
  if (weight.dtype != DType::kI8 || !weight.quant || !layer.input_value(1).constant()) {
    fail("weight is {}; expected i8 constants with their scales", type_text(weight));
  }
  return *weight.quant;
}

/// Bias less zero point times the sum of the weights of each output, so that a kernel may multiply x as it is stored.
std::vector<std::int32_t> biases_without_zero_point(const Layer& layer, std::int64_t outputs, std::int32_t zero_point) {
  const auto weight = layer.input_value(1).data.as<std::int8_t>();
  std::vector<std::int32_t> bias(static_cast<std::size_t>(outputs), 0);
  if (layer.input_count() > 2) {
    const auto given = layer.input_value(2).data.as<std::int32_t>();
    MJ_CHECK(given.size() == bias.size());
    bias.assign(given.begin(), given.end());
  }
  const std::size_t depth = weight.size() / bias.size();
  for (std::size_t c = 0; c < bias.size(); ++c) {
    std::int64_t folded = bias[c];
    std::int64_t reach = 0;
    for (const std::int8_t w : weight.subspan(c * depth, depth)) {
      folded -= std::int64_t{zero_point} * w;
      reach += 128 * std::abs(w);
    }
    // No partial sum of the kernel may leave 32 bits.
    const std::int64_t largest = reach + std::abs(folded);
    if (largest > std::numeric_limits<std::int32_t>::max()) {
      fail("weights and bias of output {} can reach {}; expected to fit the 32-bit accumulator", c, largest);
    }
    bias[c] = static_cast<std::int32_t>(folded);
  }
  return bias;
}

/// What decodes a row of the weight, for numbers of this kind ("s8", "s16"), and its file.
struct RowDecoder {
  std::string function;
  std::string file;
};
RowDecoder row_decoder(Encoding encoding, std::string_view numbers) {
  const std::string name = fmt::format("mj_{}", encoding_name(encoding));
  return {fmt::format("{}_{}", name, numbers), name.substr(0, name.rfind("_int")) + ".c"};
}

/// Multiplier and shift of every channel, or both as one array where all have the same. No name for the bias: there is none.
std::string define_weights(Layer& layer, const std::string& bias, const std::vector<FixedPoint>& factors) {
  std::vector<std::int32_t> multipliers;
  std::vector<std::int8_t> shifts;
  const bool one = layer.one_factor();
  if (one) {
    multipliers = {factors[0].multiplier, factors[0].shift};
  } else {
    for (const FixedPoint& factor : factors) {
      multipliers.push_back(factor.multiplier);
      shifts.push_back(static_cast<std::int8_t>(factor.shift));
    }
  }
  const std::string multiplier = layer.define_array<std::int32_t>("int32_t", "multiplier", multipliers);
  const std::string shift = one ? "NULL" : layer.define_array<std::int8_t>("int8_t", "shift", shifts);
  return layer.define(
      "mj_weights",
      {{"weight", layer.constant_name(1)}, {"bias", bias.empty() ? "NULL" : bias}, {"multiplier", multiplier}, {"shift", shift}}, "weights");
}

}  // namespace

void print_op(const Conv2d& op, Layer& layer) {
  const Shape& in = layer.input(0).shape;
  const Shape& out = layer.output().shape;
  const Shape& weight = layer.input(1).shape;
  const Affine x = int8_affine(layer.input(0), "input");
  const Affine y = int8_affine(layer.output(), "output");
  const auto factors = conv_factors(x, weight_quantization(layer), out[2], y);
  // The kernels step over the padded image with 16-bit positions.
  int16_text(in[0] + op.pad[0] + op.pad[2], "height with padding");
  int16_text(in[1] + op.pad[1] + op.pad[3], "width with padding");

  const std::string weights = define_weights(layer, layer.stores_bias() ? layer.constant_name(2) : "", factors);
  const std::string conv = layer.define("mj_conv", {{"in_h", int16_text(in[0], "height")},
                                                    {"in_w", int16_text(in[1], "width")},
                                                    {"in_c", int16_text(in[2], "number of input channels")},
                                                    {"out_w", int16_text(out[1], "output width")},
                                                    {"out_c", int16_text(out[2], "number of channels")},
                                                    {"kernel_h", std::to_string(weight[1])},
                                                    {"kernel_w", std::to_string(weight[2])},
                                                    {"stride_h", int16_text(op.stride[0], "stride")},
                                                    {"stride_w", int16_text(op.stride[1], "stride")},
                                                    {"dilation_h", int16_text(op.dilation[0], "dilation")},
                                                    {"dilation_w", int16_text(op.dilation[1], "dilation")},
                                                    {"pad_top", std::to_string(op.pad[0])},
                                                    {"pad_left", std::to_string(op.pad[1])},
                                                    {"groups", std::to_string(op.groups)},
                                                    {"in_zero", std::to_string(x.zero_point)},
                                                    {"out", output_text(y, int8_limits(op.clamp, y))}});
  int16_text(out[0], "number of rows");
  const std::string used = layer.weights_argument(weights, weight[1] * weight[2] * weight[3]);
  const Extent extent{out[0], out[1], out[2], 0};
  const Encoding encoding = layer.input_value(1).encoding;
  const bool depthwise = op.groups > 1 && weight[3] == 1;
  if (depthwise && encoding.bits == 4) {
    layer.code.runtime.insert("mj_depthwise.c");
    layer.call("mj_depthwise_int4", "mj_depthwise_int4.c", extent,
               {"&" + conv, kTile, layer.operand(0), used, layer.result(), "(int8_t*)scratch"});
  } else if (!depthwise && !encoding.plain()) {
    const RowDecoder row = row_decoder(encoding, "s16");
    layer.code.runtime.insert(row.file);
    layer.call("mj_conv2d_encoded", "mj_conv2d_encoded.c", extent,
               {"&" + conv, kTile, layer.operand(0), used, layer.result(), "scratch", row.function});
  } else if (depthwise) {
    layer.call("mj_depthwise", "mj_depthwise.c", extent, {"&" + conv, kTile, layer.operand(0), used, layer.result()});
  } else {
    layer.call("mj_conv2d", "mj_conv2d.c", extent,
               {"&" + conv, kTile, layer.operand(0), used, layer.result(), "scratch"});
  }
}

void print_op(const Linear& op, Layer& layer) {
  const Affine x = int8_affine(layer.input(0), "input");
  const Affine y = int8_affine(layer.output(), "output");
  const std::int64_t features = layer.input(0).shape.back();
  const std::int64_t outputs = layer.output().shape.back();
  const std::int64_t rows = layer.output().count() / outputs;
  const auto factors = linear_factors(x, weight_quantization(layer), outputs, y);
  const std::vector<std::int32_t> biases = biases_without_zero_point(layer, outputs, x.zero_point);
  const std::string bias = layer.stores_bias() ? layer.define_array<std::int32_t>("int32_t", "bias", biases) : "";
  const std::string weights = define_weights(layer, bias, factors);
  const std::string linear = layer.define("mj_linear", {{"in_c", int16_text(features, "number of features")},
                                                        {"out_c", int16_text(outputs, "number of outputs")},
                                                        {"out", output_text(y, int8_limits(op.clamp, y))}});
  const Encoding encoding = layer.input_value(1).encoding;
  const Extent extent{rows, 0, outputs, features};
  const std::string used = layer.weights_argument(weights, features);
  if (!encoding.plain()) {
    const RowDecoder row = row_decoder(encoding, "s8");
    layer.code.runtime.insert(row.file);
    if (layer.cuts_depth()) {
      layer.call("mj_fully_connected_encoded_part", "mj_fully_connected_encoded_part.c", extent,
                 {"&" + linear, kTile, layer.part_argument(), layer.operand(0), used, layer.result(), row.function});
    } else {
      layer.call("mj_fully_connected_encoded", "mj_fully_connected_encoded.c", extent,
                 {"&" + linear, kTile, layer.operand(0), used, layer.result(), row.function});
    }
  } else if (layer.cuts_depth()) {
    layer.call("mj_fully_connected_part", "mj_fully_connected.c", extent,
               {"&" + linear, kTile, layer.part_argument(), layer.operand(0), used, layer.result()});
  } else {
    layer.call("mj_fully_connected", "mj_fully_connected.c", extent,
               {"&" + linear, kTile, layer.operand(0), used, layer.result()});
  }
}

void print_op(const BatchNorm&, Layer&) { fail("has no integer kernel; expected to be folded before"); }

}  // namespace mj
