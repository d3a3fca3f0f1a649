// SPDX-License-Identifier: Apache-2.0
// How the importer reads constants and appends values.
#include <algorithm>
#include <bit>
#include <cstring>

#include "mj/base/error.h"
#include "mj/io/tflite/importer.h"
#include "mj/ir/tensor.h"

namespace mj::tflite {
namespace {

static_assert(std::endian::native == std::endian::little, "elements of the file are little-endian");

// Lists of dimensions, axes, paddings and sizes of parts; nothing sensible is longer.
constexpr std::size_t kMostIntegers = 4096;

template <class T>
T element(std::span<const std::byte> bytes, std::size_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));  // the file need not be aligned
  return value;
}

template <class T>
std::vector<std::byte> bytes_of(const std::vector<T>& elements) {
  const auto raw = std::as_bytes(std::span(elements));
  return {raw.begin(), raw.end()};
}

/// IEEE 754 binary16.
float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000) << 16;
  const std::uint32_t exponent = half >> 10 & 0x1f;
  const std::uint32_t fraction = half & 0x3ff;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  const std::uint32_t widened = exponent == 0x1f ? 0xff : exponent + (127 - 15);
  return std::bit_cast<float>(sign | widened << 23 | fraction << 13);
}

bool depthwise(Form form) { return form == Form::kStoredDepthwise || form == Form::kRealDepthwise; }
bool real(Form form) { return form == Form::kReal || form == Form::kRealDepthwise; }

/// {1,kh,kw,O} as {O,kh,kw,1}.
std::vector<std::byte> outputs_first(const std::vector<std::byte>& elements, std::size_t outputs, std::size_t size) {
  std::vector<std::byte> result(elements.size());
  const std::size_t taps = elements.size() / size / outputs;
  for (std::size_t tap = 0; tap < taps; ++tap) {
    for (std::size_t o = 0; o < outputs; ++o) {
      std::memcpy(&result[(o * taps + tap) * size], &elements[(tap * outputs + o) * size], size);
    }
  }
  return result;
}

/// The bias of accumulators: input scale times weight scale.
Quantization accumulator_quantization(const Quantization& x, const Quantization& weight) {
  Quantization quant = weight;
  for (float& scale : quant.scale) scale *= x.scale[0];
  std::ranges::fill(quant.zero_point, 0);
  return quant;
}

}  // namespace

bool Importer::is_activation(const OperatorView& op, int i) const {
  return op.has_input(i) && std::holds_alternative<Activation>(symbol(op.input_index(i)));
}

const Activation& Importer::activation(const OperatorView& op, int i) const {
  const TensorView input = op.input(i);
  const auto* result = std::get_if<Activation>(&symbol(op.input_index(i)));
  if (!result) unsupported("its input '{}' is a constant; convert with constant folding", input.name());
  return *result;
}

int Importer::constant_tensor(const OperatorView& op, int i) const {
  const int index = op.input_index(i);
  if (const auto* held = std::get_if<RealConstant>(&symbol(index))) return held->tensor;
  return std::holds_alternative<std::monostate>(symbol(index)) && op.input(i).constant() ? index : -1;
}

Activation Importer::operand(const OperatorView& op, int i, DType dtype) {
  if (is_activation(op, i)) return activation(op, i);
  const TensorView input = op.input(i);
  const int held = constant_tensor(op, i);
  if (held < 0) unsupported("its input '{}' is computed from shapes; convert with constant folding", input.name());
  const bool is_real = dtype == DType::kF32;
  if (is_real ? input.type() != TensorType::FLOAT32 : !input.integer()) {
    fail("input '{}' holds {} where the other is {}; expected the same", input.name(), type_name(input.type()),
         dtype_name(dtype));
  }
  const Shape dims = tensor(held).dims();
  return {constant(held, is_real ? Form::kReal : Form::kStored, stored_shape(dims)), dims};
}

bool Importer::has_integers(const OperatorView& op, int i) const {
  if (!op.has_input(i)) return false;
  if (std::holds_alternative<Integers>(symbol(op.input_index(i)))) return true;
  const TensorView input = op.input(i);
  return constant_tensor(op, i) == op.input_index(i) &&
         (input.type() == TensorType::INT32 || input.type() == TensorType::INT64);
}

Integers Importer::integers(const OperatorView& op, int i, const char* role) const {
  const TensorView input = op.input(i);
  if (const auto* known = std::get_if<Integers>(&symbol(op.input_index(i)))) return *known;
  if (constant_tensor(op, i) != op.input_index(i)) {
    unsupported("its {} '{}' are computed; expected constants", role, input.name());
  }
  const bool wide = input.type() == TensorType::INT64;
  if (!wide && input.type() != TensorType::INT32) {
    fail("{} '{}' hold {}; expected INT32 or INT64", role, input.name(), type_name(input.type()));
  }
  const auto bytes = input.data();
  const std::size_t count = bytes.size() / (wide ? 8 : 4);
  if (count > kMostIntegers)
    fail("{} '{}' are {} numbers; expected at most {}", role, input.name(), count, kMostIntegers);
  Integers result{std::vector<std::int64_t>(count), input.dims().empty()};
  for (std::size_t k = 0; k < count; ++k) {
    result.values[k] = wide ? element<std::int64_t>(bytes, k) : element<std::int32_t>(bytes, k);
  }
  return result;
}

std::int64_t Importer::integer(const OperatorView& op, int i, const char* role) const {
  const Integers numbers = integers(op, i, role);
  if (numbers.values.size() != 1)
    fail("{} '{}' are {} numbers; expected 1", role, op.input(i).name(), numbers.values.size());
  return numbers.values[0];
}

ValueId Importer::weight(const OperatorView& op, DType x, bool depthwise) {
  const TensorView input = op.input(1);
  const int held = constant_tensor(op, 1);
  if (held < 0) unsupported("its weight '{}' is computed; expected a constant", input.name());
  const TensorView weight = tensor(held);
  const bool dequantized = held != op.input_index(1);
  const bool is_real = x == DType::kF32;
  const bool fits = is_real ? dequantized || weight.type() == TensorType::FLOAT32 || weight.type() == TensorType::INT8
                            : weight.integer() && !dequantized;
  if (!fits) {
    unsupported("its weight '{}' holds {} where the input is {}; convert with {} weights", weight.name(),
                type_name(input.type()), dtype_name(x), is_real ? "float or int8" : "int8");
  }
  const Shape dims = weight.dims();
  if (depthwise && (dims.size() != 4 || dims[0] != 1)) {
    fail("weight '{}' has shape {}; expected 1 x rows x columns x outputs", weight.name(), shape_text(dims));
  }
  bool keep = true;
  if (weight.integer()) {
    const auto quant = weight.quantization();
    if (!quant) fail("weight '{}' holds {} without a scale", weight.name(), type_name(weight.type()));
    const bool centred = std::ranges::all_of(quant->zero_point, [](std::int32_t z) { return z == 0; });
    const int axis = depthwise ? 3 : 0;
    const bool by_output = !quant->per_channel() || quant->axis == axis;
    keep = centred && by_output;
    if (!keep && !dequantized) {
      if (!by_output) {
        fail("weight '{}' is quantised along dimension {}; expected {}", weight.name(), quant->axis, axis);
      }
      unsupported("its weight '{}' has zero points other than 0; convert again with int8 weights, which have none",
                  weight.name());
    }
  }
  if (!depthwise) return constant(held, keep ? Form::kStored : Form::kReal, dims);
  return constant(held, keep ? Form::kStoredDepthwise : Form::kRealDepthwise, {dims[3], dims[1], dims[2], 1});
}

std::vector<ValueId> Importer::with_bias(const OperatorView& op, ValueId x, ValueId weight) {
  if (!op.has_input(2)) return {x, weight};
  const TensorView input = op.input(2);
  const int held = constant_tensor(op, 2);
  if (held < 0) unsupported("its bias '{}' is computed; expected a constant", input.name());
  const TensorView bias = tensor(held);
  const Shape shape{graph.type(weight).shape[0]};
  if (element_count(bias.dims()) != shape[0]) {
    fail("bias '{}' has shape {}; expected {}", bias.name(), shape_text(bias.dims()), shape_text(shape));
  }
  const bool is_real = graph.type(x).dtype == DType::kF32;
  const TensorType expected = is_real ? TensorType::FLOAT32 : TensorType::INT32;
  if (input.type() != expected) {
    fail("bias '{}' holds {} where the input is {}; expected {}", bias.name(), type_name(input.type()),
         dtype_name(graph.type(x).dtype), type_name(expected));
  }
  if (is_real || bias.quantization()) return {x, weight, constant(held, is_real ? Form::kReal : Form::kStored, shape)};
  const Quantization quant = accumulator_quantization(*graph.type(x).quant, *graph.type(weight).quant);
  return {x, weight, add_constant(bias, Form::kStored, shape, quant)};
}

ValueId Importer::constant(int index, Form form, const Shape& shape) {
  const auto key = std::tuple(index, form, shape);
  const auto known = constants_.find(key);
  if (known != constants_.end()) return known->second;
  const TensorView view = tensor(index);
  return constants_[key] = add_constant(view, form, shape, view.quantization());
}

ValueId Importer::add_constant(const TensorView& tensor, Form form, const Shape& shape,
                               std::optional<Quantization> quant) {
  if (tensor.sparse()) unsupported("'{}' is stored as a sparse tensor; convert without sparsity", tensor.name());
  if (tensor.custom_quantization())
    fail("tensor '{}' has a quantisation of its own kind; expected scales", tensor.name());
  if (tensor.integer() && !quant) fail("tensor '{}' holds {} without a scale", tensor.name(), type_name(tensor.type()));
  const auto dtype = tensor.dtype();
  if (!dtype) unsupported("'{}' holds {}; convert with float or int8 weights", tensor.name(), type_name(tensor.type()));
  Constant data = contents(tensor, form, quant);
  Type type{real(form) ? DType::kF32 : *dtype, shape, std::nullopt};
  if (type.dtype != DType::kF32 && quant) {
    count_bytes(quant->scale.size() * (sizeof(float) + sizeof(std::int32_t)));
    type.quant = std::move(quant);
    if (type.quant->per_channel() && depthwise(form)) type.quant->axis = 0;
  }
  return graph.add_constant(value_name(tensor.name()), std::move(type), std::move(data));
}

Constant Importer::contents(const TensorView& tensor, Form form, const std::optional<Quantization>& quant) {
  const auto raw = tensor.data();
  const bool as_in_file = tensor.type() != TensorType::UINT8 && tensor.type() != TensorType::FLOAT16;
  if (as_in_file && !depthwise(form) && (!real(form) || tensor.type() == TensorType::FLOAT32)) {
    Constant& shared = shared_[{raw.data(), raw.size()}];
    if (!shared) {
      count_bytes(raw.size());
      shared = Constant::of(raw);
    }
    return shared;
  }
  std::vector<std::byte> bytes;
  if (tensor.type() == TensorType::FLOAT16) {
    std::vector<float> reals(raw.size() / 2);
    count_bytes(reals.size() * sizeof(float));
    for (std::size_t i = 0; i < reals.size(); ++i) reals[i] = half_to_float(element<std::uint16_t>(raw, i));
    bytes = bytes_of(reals);
  } else {
    count_bytes(raw.size());
    bytes.assign(raw.begin(), raw.end());
    if (tensor.type() == TensorType::UINT8) {
      for (std::byte& b : bytes) b ^= std::byte{0x80};
    }
  }
  std::size_t size = static_cast<std::size_t>(byte_size(*tensor.dtype()));
  if (real(form) && tensor.integer()) {
    count_bytes(bytes.size() * sizeof(float));
    bytes = bytes_of(dequantize(Type{DType::kI8, tensor.dims(), quant}, bytes));
    size = sizeof(float);
  }
  if (depthwise(form)) bytes = outputs_first(bytes, static_cast<std::size_t>(tensor.dims()[3]), size);
  return Constant(std::move(bytes));
}

void Importer::count_bytes(std::size_t bytes) {
  if (bytes > bytes_left_)
    fail("its constants grow to many times the size of the file; expected fewer that share a buffer");
  bytes_left_ -= bytes;
}

ValueId Importer::add(const OperatorView& op, Op operation, std::vector<ValueId> inputs) {
  const ValueId id = graph.add_node(value_name(op.name()), std::move(operation), std::move(inputs));
  return id;
}

ValueId Importer::add_quantize(const OperatorView& op, ValueId from, DType dtype, std::optional<Quantization> quant) {
  const std::string name = value_name(op.name());
  const ValueId to = graph.add_value(name, Type{dtype, graph.type(from).shape, std::move(quant)});
  graph.nodes.push_back({name, Quantize{}, {from}, to});
  return to;
}

ValueId Importer::reshaped(const OperatorView& op, ValueId id, const Shape& shape) {
  return graph.type(id).shape == shape ? id : add(op, Reshape{shape}, {id});
}

Type Importer::stated_type(const TensorView& tensor, const Shape& shape) const {
  if (tensor.custom_quantization())
    fail("tensor '{}' has a quantisation of its own kind; expected scales", tensor.name());
  if (tensor.type() == TensorType::FLOAT32) return {DType::kF32, shape, std::nullopt};
  if (!tensor.integer()) {
    unsupported("'{}' holds {}; convert with float or int8 activations", tensor.name(), type_name(tensor.type()));
  }
  auto quant = tensor.quantization();
  if (!quant) fail("tensor '{}' holds {} without a scale", tensor.name(), type_name(tensor.type()));
  if (quant->per_channel())
    fail("tensor '{}' is computed and quantised per channel; expected per tensor", tensor.name());
  return {DType::kI8, shape, std::move(quant)};
}

std::string Importer::value_name(std::string name) {
  if (names_.insert(name).second) return name;
  // The last number is kept, or many equal names would be counted through again and again.
  for (int& n = last_number_.try_emplace(name, 1).first->second;;) {
    std::string candidate = fmt::format("{}_{}", name, ++n);
    if (names_.insert(candidate).second) return candidate;
  }
}

}  // namespace mj::tflite
