// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/tensor.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "mj/base/error.h"

namespace mj {
namespace {

// The scale and zero point that each element of a type is quantised with.
class ElementQuantization {
 public:
  explicit ElementQuantization(const Type& type) {
    if (!type.quant) {
      return;
    }
    quant_ = &*type.quant;
    const auto channels = quant_->scale.size();
    MJ_CHECK(channels > 0 && quant_->zero_point.size() == channels);
    if (quant_->per_channel()) {
      const auto axis = static_cast<std::size_t>(quant_->axis);
      MJ_CHECK(axis < type.shape.size() && static_cast<std::size_t>(type.shape[axis]) == channels);
      for (std::size_t i = axis + 1; i < type.shape.size(); ++i) {
        inner_ *= static_cast<std::size_t>(type.shape[i]);
      }
    } else {
      MJ_CHECK(channels == 1);
    }
  }

  float scale(std::size_t i) const { return quant_ ? quant_->scale[channel(i)] : 1.0f; }
  std::int32_t zero_point(std::size_t i) const { return quant_ ? quant_->zero_point[channel(i)] : 0; }

 private:
  std::size_t channel(std::size_t i) const { return (i / inner_) % quant_->scale.size(); }

  const Quantization* quant_ = nullptr;
  std::size_t inner_ = 1;
};

template <class T>
std::vector<float> dequantize_as(const Type& type, std::span<const std::byte> data) {
  const std::span<const T> elements{reinterpret_cast<const T*>(data.data()), data.size() / sizeof(T)};
  const ElementQuantization quantization(type);
  std::vector<float> reals(elements.size());
  for (std::size_t i = 0; i < reals.size(); ++i) {
    // Exact in double, so there is one rounding.
    const double steps = static_cast<double>(elements[i]) - quantization.zero_point(i);
    reals[i] = static_cast<float>(static_cast<double>(quantization.scale(i)) * steps);
  }
  return reals;
}

template <class T>
void quantize_as(std::span<const float> reals, Tensor& tensor) {
  const ElementQuantization quantization(tensor.type);
  const auto elements = tensor.as<T>();
  for (std::size_t i = 0; i < reals.size(); ++i) {
    const float steps = std::round(reals[i] / quantization.scale(i));
    const double shifted = (std::isnan(steps) ? 0.0 : static_cast<double>(steps)) + quantization.zero_point(i);
    elements[i] = static_cast<T>(std::clamp(shifted, static_cast<double>(std::numeric_limits<T>::min()),
                                            static_cast<double>(std::numeric_limits<T>::max())));
  }
}

}  // namespace

Tensor make_tensor(Type type) {
  const auto bytes = static_cast<std::size_t>(type.bytes());
  return {std::move(type), std::vector<std::byte>(bytes)};
}

std::vector<float> dequantize(const Tensor& tensor) { return dequantize(tensor.type, tensor.data); }

std::vector<float> dequantize(const Type& type, std::span<const std::byte> data) {
  MJ_CHECK(data.size() == static_cast<std::size_t>(type.bytes()));
  switch (type.dtype) {
    case DType::kF32: {
      const auto* reals = reinterpret_cast<const float*>(data.data());
      return {reals, reals + data.size() / sizeof(float)};
    }
    case DType::kI8:
      return dequantize_as<std::int8_t>(type, data);
    case DType::kI16:
      return dequantize_as<std::int16_t>(type, data);
    case DType::kI32:
      return dequantize_as<std::int32_t>(type, data);
  }
  MJ_CHECK(!"unknown dtype");
  return {};
}

Tensor quantize(std::span<const float> reals, const Type& type) {
  if (static_cast<std::int64_t>(reals.size()) != type.count()) {
    fail("found {} numbers; expected {} for {}", reals.size(), type.count(), type_text(type));
  }
  Tensor tensor = make_tensor(type);
  switch (type.dtype) {
    case DType::kF32:
      std::ranges::copy(reals, tensor.as<float>().begin());
      break;
    case DType::kI8:
      quantize_as<std::int8_t>(reals, tensor);
      break;
    case DType::kI16:
      quantize_as<std::int16_t>(reals, tensor);
      break;
    case DType::kI32:
      quantize_as<std::int32_t>(reals, tensor);
      break;
  }
  return tensor;
}

std::vector<float> preprocess(const Preprocess& preprocess, std::span<const float> pixels, std::int64_t channels) {
  const auto count = static_cast<std::size_t>(channels);
  const auto fits = [&](const std::vector<float>& values) { return values.size() == 1 || values.size() == count; };
  if (channels <= 0 || pixels.size() % count != 0) {
    fail("found {} numbers; expected a multiple of {} channels", pixels.size(), channels);
  }
  if (!fits(preprocess.mean) || !fits(preprocess.std)) {
    fail("preprocessing has {} means and {} standard deviations; expected 1 or {} of each", preprocess.mean.size(),
         preprocess.std.size(), channels);
  }
  std::vector<float> reals(pixels.size());
  for (std::size_t i = 0; i < reals.size(); ++i) {
    const std::size_t c = i % count;
    const float mean = preprocess.mean[preprocess.mean.size() == 1 ? 0 : c];
    const float std = preprocess.std[preprocess.std.size() == 1 ? 0 : c];
    reals[i] = (pixels[i] * preprocess.scale - mean) / std;
  }
  return reals;
}

Tensor input_tensor(const Graph& graph, std::span<const float> pixels) {
  if (graph.inputs.size() != 1) {
    fail("the network has {} inputs; expected 1", graph.inputs.size());
  }
  const Value& input = graph.value(graph.inputs[0]);
  const Shape& shape = input.type.shape;
  return with_context(fmt::format("input '{}'", input.name), [&] {
    if (static_cast<std::int64_t>(pixels.size()) != input.type.count()) {
      fail("found {} numbers; expected {} for {}", pixels.size(), input.type.count(), type_text(input.type));
    }
    return quantize(preprocess(graph.preprocess, pixels, shape.empty() ? 1 : shape.back()), input.type);
  });
}

}  // namespace mj
