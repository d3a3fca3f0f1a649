// SPDX-License-Identifier: Apache-2.0

// Convolution and fully connected layers in int8: patches widened to int16 after taking off the zero point, so that
// sums of two products fit the multiply-add instructions that compilers find for int16.
#include <algorithm>
#include <cstdlib>
#include <limits>
#include <type_traits>

#include "mj/base/error.h"
#include "mj/ir/convolution.h"
#include "mj/ir/evaluate_conv.h"
#include "mj/ir/int8.h"

namespace mj::detail {
namespace {

struct Int8Parameters {
  Affine x, y;
  std::vector<std::int16_t> weight;  // as in the graph; {kh,kw,O} for depthwise convolutions
  std::vector<std::int32_t> bias;    // one per output channel
  std::vector<FixedPoint> factors;
  Int8Limits limits;
  Rounding rounding;

  std::int8_t output(std::int32_t sum, std::int64_t channel) const {
    const auto c = static_cast<std::size_t>(channel);
    const std::int64_t value = std::int64_t{multiply(sum + bias[c], factors[c], rounding)} + y.zero_point;
    return static_cast<std::int8_t>(std::min<std::int64_t>(std::max<std::int64_t>(value, limits.low), limits.high));
  }
};

// No input may overflow the 32-bit accumulator, whose overflow would be undefined in the kernels of TFLite.
void check_accumulator(const Int8Parameters& parameters, std::span<const std::int8_t> weight) {
  const std::int64_t reach = std::max<std::int64_t>(127 - parameters.x.zero_point, parameters.x.zero_point + 128);
  const std::size_t depth = weight.size() / parameters.bias.size();
  for (std::size_t c = 0; c < parameters.bias.size(); ++c) {
    std::int64_t largest = std::abs(std::int64_t{parameters.bias[c]});
    for (const std::int8_t w : weight.subspan(c * depth, depth)) {
      largest += reach * std::abs(w);
    }
    if (largest > std::numeric_limits<std::int32_t>::max()) {
      fail("weights and bias of output {} can reach {}; expected to fit the 32-bit accumulator", c, largest);
    }
  }
}

template <class OpType>
Int8Parameters read_parameters(const OpType& op, const NodeContext& context) {
  Int8Parameters parameters;
  parameters.x = int8_affine(context.input(0), "input");
  parameters.y = int8_affine(context.output(), "output");
  const Value& weight = context.value(1);
  const std::int64_t channels = weight.type.shape[0];
  if (weight.type.dtype != DType::kI8 || !weight.type.quant) {
    fail("weight is {} where the input is i8; expected i8 with its scales", type_text(weight.type));
  }
  const Quantization& quant = *weight.type.quant;
  MJ_CHECK(quant.scale.size() == 1 || static_cast<std::int64_t>(quant.scale.size()) == channels);
  if constexpr (std::is_same_v<OpType, Conv2d>) {
    parameters.factors = conv_factors(parameters.x, quant, channels, parameters.y);
  } else {
    parameters.factors = linear_factors(parameters.x, quant, channels, parameters.y);
  }
  parameters.bias.assign(static_cast<std::size_t>(channels), 0);
  if (context.input_count() > 2) {
    MJ_CHECK(context.input(2).dtype == DType::kI32);
    std::ranges::copy(context.value(2).data.as<std::int32_t>(), parameters.bias.begin());
  }
  parameters.limits = int8_limits(op.clamp, parameters.y);
  parameters.rounding = context.rounding;
  const std::span<const std::int8_t> elements = weight.data.as<std::int8_t>();
  check_accumulator(parameters, elements);
  parameters.weight.assign(elements.begin(), elements.end());
  return parameters;
}

std::int32_t dot(const std::int16_t* a, const std::int16_t* b, std::int64_t count) {
  std::int32_t sum = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    sum += std::int32_t{a[i]} * b[i];
  }
  return sum;
}

// y {places, outputs, `pitch` apart} from patches {places, depth}; weights and channels count from `first_channel`.
void product(const Int8Parameters& parameters, const std::int16_t* patches, std::int64_t places, std::int64_t depth,
             std::int64_t first_channel, std::int64_t outputs, std::int64_t pitch, std::int8_t* y) {
  const std::int16_t* weights = parameters.weight.data() + first_channel * depth;
  for (std::int64_t place = 0; place < places; ++place) {
    for (std::int64_t o = 0; o < outputs; ++o) {
      const std::int32_t sum = dot(patches + place * depth, weights + o * depth, depth);
      y[place * pitch + o] = parameters.output(sum, first_channel + o);
    }
  }
}

// x less its zero point, in this thread's scratch memory.
const std::int16_t* centred(const Int8Parameters& parameters, std::span<const std::int8_t> x) {
  std::int16_t* target = scratch<std::int16_t, struct CentredInput>(static_cast<std::int64_t>(x.size()));
  const auto zero_point = static_cast<std::int16_t>(parameters.x.zero_point);
  for (std::size_t i = 0; i < x.size(); ++i) {
    target[i] = static_cast<std::int16_t>(x[i] - zero_point);
  }
  return target;
}

void convolve_int8(const Convolution& conv, const Int8Parameters& parameters, std::span<const std::int8_t> x, std::int8_t* y) {
  const std::int16_t* input = centred(parameters, x);
  const std::int64_t depth = conv.depth();
  const std::int64_t channels = conv.out_channels;
  if (conv.pointwise()) {
    product(parameters, input, conv.places(), depth, 0, conv.outputs, channels, y);
    return;
  }
  const std::int64_t tile = places_per_tile(conv, depth * static_cast<std::int64_t>(sizeof(std::int16_t)));
  std::int16_t* patches = scratch<std::int16_t, struct Int8Patches>(tile * depth);
  for (std::int64_t place = 0; place < conv.places(); place += tile) {
    const std::int64_t count = std::min(tile, conv.places() - place);
    for (std::int64_t group = 0; group < conv.groups; ++group) {
      conv.patches(input, place, count, group, patches);
      product(parameters, patches, count, depth, group * conv.outputs, conv.outputs, channels,
              y + place * channels + group * conv.outputs);
    }
  }
}

// Groups of one input channel, all channels of a place side by side; `weight` is {kh,kw,O}.
void convolve_depthwise_int8(const Convolution& conv, const Int8Parameters& parameters, std::span<const std::int8_t> x,
                             std::int8_t* y) {
  const std::int16_t* input = centred(parameters, x);
  const std::int64_t channels = conv.out_channels;
  std::int32_t* sums = scratch<std::int32_t, struct DepthwiseSums>(channels);
  for (std::int64_t row = 0; row < conv.out_rows; ++row) {
    for (std::int64_t column = 0; column < conv.out_columns; ++column, y += channels) {
      std::fill_n(sums, channels, 0);
      conv.taps_inside(input, row, column, [&](std::int64_t tap, const std::int16_t* values) {
        const std::int16_t* weight = parameters.weight.data() + tap * channels;
        if (conv.outputs == 1) {
          for (std::int64_t c = 0; c < channels; ++c) {
            sums[c] += std::int32_t{values[c]} * weight[c];
          }
          return;
        }
        for (std::int64_t c = 0; c < channels; ++c) {
          sums[c] += std::int32_t{values[c / conv.outputs]} * weight[c];
        }
      });
      for (std::int64_t c = 0; c < channels; ++c) {
        y[c] = parameters.output(sums[c], c);
      }
    }
  }
}

}  // namespace

Step prepare_int8_conv(const Conv2d& op, const NodeContext& context) {
  const Convolution conv(op, context.input(0).shape, context.input(1).shape, context.output().shape);
  Int8Parameters parameters = read_parameters(op, context);
  const bool depthwise = conv.groups > 1 && conv.inputs == 1;
  if (depthwise) {
    parameters.weight = taps_first(parameters.weight, conv.out_channels, conv.taps());
  }
  return [conv, depthwise, parameters = std::move(parameters)](std::span<const View> inputs, Tensor& output) {
    (depthwise ? convolve_depthwise_int8 : convolve_int8)(conv, parameters, inputs[0].as<std::int8_t>(),
                                                          output.as<std::int8_t>().data());
  };
}

Step prepare_int8_linear(const Linear& op, const NodeContext& context) {
  const std::int64_t outputs = context.input(1).shape[0];
  const std::int64_t depth = context.input(1).shape[1];
  return [outputs, depth, parameters = read_parameters(op, context)](std::span<const View> inputs, Tensor& output) {
    const std::span<std::int8_t> y = output.as<std::int8_t>();
    const std::int16_t* x = centred(parameters, inputs[0].as<std::int8_t>());
    product(parameters, x, static_cast<std::int64_t>(y.size()) / outputs, depth, 0, outputs, outputs, y.data());
  };
}

}  // namespace mj::detail
