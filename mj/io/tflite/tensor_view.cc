// SPDX-License-Identifier: Apache-2.0
#include "mj/io/tflite/tensor_view.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "mj/base/error.h"

namespace mj::tflite {
namespace {

// Names are copied into the graph; a file may point to one long string many times.
constexpr std::size_t kLongestName = 200;

/// Bytes of one element; 0 for types that constants are never read of.
std::size_t element_size(TensorType type) {
  switch (type) {
    case TensorType::INT8:
    case TensorType::UINT8:
    case TensorType::BOOL:
      return 1;
    case TensorType::FLOAT16:
    case TensorType::INT16:
    case TensorType::UINT16:
      return 2;
    case TensorType::FLOAT32:
    case TensorType::INT32:
    case TensorType::UINT32:
      return 4;
    case TensorType::INT64:
    case TensorType::UINT64:
    case TensorType::FLOAT64:
      return 8;
    default:
      return 0;
  }
}

}  // namespace

std::string type_name(TensorType type) {
  const std::string name = mj_tflite::EnumNameTensorType(type);
  return name.empty() ? fmt::format("type {}", static_cast<int>(type)) : name;
}

std::string printable_name(const flatbuffers::String* name) {
  if (!name) return "";
  const std::string_view whole(name->c_str(), name->size());
  std::string text(whole.substr(0, kLongestName));
  for (char& c : text) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return whole.size() > kLongestName ? text + "..." : text;
}

std::string TensorView::where() const { return fmt::format("tensor '{}'", name()); }

std::optional<DType> TensorView::dtype() const {
  switch (type()) {
    case TensorType::FLOAT32:
    case TensorType::FLOAT16:
      return DType::kF32;
    case TensorType::INT8:
    case TensorType::UINT8:
      return DType::kI8;
    case TensorType::INT32:
      return DType::kI32;
    default:
      return std::nullopt;
  }
}

Shape TensorView::dims() const {
  return with_context(where(), [&] {
    Shape dims;
    if (const auto* shape = tensor_->shape()) {
      if (shape->size() > kMaxRank) fail("has {} dimensions; expected at most {}", shape->size(), kMaxRank);
      dims.assign(shape->begin(), shape->end());
    }
    check_shape(dims);
    return dims;
  });
}

bool TensorView::free_dim(std::size_t d) const {
  const auto* signature = tensor_->shape_signature();
  return signature && d < signature->size() && signature->Get(static_cast<flatbuffers::uoffset_t>(d)) < 0;
}

const mj_tflite::Buffer* TensorView::buffer() const {
  const auto* buffers = model_->buffers();
  const std::uint32_t index = tensor_->buffer();
  // Buffer 0 stands for none, whether the file has it or not.
  if (index == 0) return nullptr;
  if (!buffers || index >= buffers->size()) {
    fail("{}: is kept in buffer {}; the file has {}", where(), index, buffers ? buffers->size() : 0);
  }
  return buffers->Get(index);
}

bool TensorView::constant() const {
  const auto* held = buffer();
  return held && ((held->data() && held->data()->size() > 0) || held->offset() > 1);
}

std::span<const std::byte> TensorView::data() const {
  const auto* held = buffer();
  return with_context(where(), [&] {
    if (held->offset() > 1) fail("keeps its elements outside of the flatbuffer; expected a file below 2 GB");
    const std::size_t size = element_size(type());
    if (size == 0) fail("holds {}; expected numbers", type_name(type()));
    const std::int64_t count = element_count(dims());
    const auto expected = static_cast<std::uint64_t>(count) * size;
    if (held->data()->size() != expected) {
      fail("holds {} bytes; {}[{}] needs {}", held->data()->size(), type_name(type()), shape_text(dims()), expected);
    }
    return std::as_bytes(std::span(held->data()->data(), held->data()->size()));
  });
}

bool TensorView::custom_quantization() const {
  const auto* stated = tensor_->quantization();
  return stated && stated->details_type() != mj_tflite::QuantizationDetails::NONE;
}

std::optional<Quantization> TensorView::quantization() const {
  const auto* stated = tensor_->quantization();
  if (!stated || !stated->scale() || stated->scale()->size() == 0) return std::nullopt;
  return with_context(where(), [&]() -> Quantization {
    Quantization quant;
    const auto& scales = *stated->scale();
    const auto* zero_points = stated->zero_point();
    const std::size_t given = zero_points ? zero_points->size() : 0;
    if (given != scales.size() && given != 1) {
      fail("has {} scales and {} zero points; expected as many", scales.size(), given);
    }
    if (scales.size() > 1) {
      const Shape shape = dims();
      quant.axis = stated->quantized_dimension();
      if (quant.axis < 0 || static_cast<std::size_t>(quant.axis) >= shape.size()) {
        fail("is quantised along dimension {}; shape {} has {}", quant.axis, shape_text(shape), shape.size());
      }
      const std::int64_t channels = shape[static_cast<std::size_t>(quant.axis)];
      if (static_cast<std::int64_t>(scales.size()) != channels) {
        fail("has {} scales for dimension {} of size {}; expected as many", scales.size(), quant.axis, channels);
      }
    }
    quant.scale.assign(scales.begin(), scales.end());
    for (const float scale : quant.scale) {
      if (!(scale > 0 && std::isfinite(scale))) fail("has scale {}; expected a positive, finite number", scale);
    }
    // Zero points are 64 bits wide in the file, and values of the type.
    const bool is_unsigned = type() == TensorType::UINT8;
    const std::int64_t low = is_unsigned                  ? 0
                             : type() == TensorType::INT8 ? -128
                                                          : std::numeric_limits<std::int32_t>::min();
    const std::int64_t high = is_unsigned                  ? 255
                              : type() == TensorType::INT8 ? 127
                                                           : std::numeric_limits<std::int32_t>::max();
    for (std::size_t i = 0; i < quant.scale.size(); ++i) {
      // The verifier of flatbuffers promises four bytes of alignment, not eight.
      std::int64_t zero_point = 0;
      std::memcpy(&zero_point, zero_points->Data() + (given == 1 ? 0 : i) * sizeof zero_point, sizeof zero_point);
      if (zero_point < low || zero_point > high) {
        fail("has zero point {}; {} holds {} to {}", zero_point, type_name(type()), low, high);
      }
      quant.zero_point.push_back(static_cast<std::int32_t>(zero_point - (is_unsigned ? 128 : 0)));
    }
    return quant;
  });
}

}  // namespace mj::tflite
