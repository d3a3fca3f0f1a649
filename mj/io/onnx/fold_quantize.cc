// SPDX-License-Identifier: Apache-2.0
#include "mj/io/onnx/fold_quantize.h"

#include <algorithm>
#include <cmath>

#include "mj/base/error.h"

namespace mj::onnx {
namespace {

template <class T, class... List>
constexpr bool is_any_of = (std::is_same_v<T, List> || ...);

/// Moves elements, or picks some of them, without computing.
bool only_moves(const Op& op) {
  return std::visit(
      [](const auto& o) {
        using T = std::decay_t<decltype(o)>;
        if constexpr (std::is_same_v<T, MaxPool>) return o.clamp.none();
        if constexpr (std::is_same_v<T, Pad>) return o.value == 0;
        return is_any_of<T, Reshape, Transpose, Slice, Concat>;
      },
      op);
}

/// Has an int8 kernel that computes.
bool computes_in_int8(const Op& op) {
  return std::visit(
      [](const auto& o) {
        using T = std::decay_t<decltype(o)>;
        return is_any_of<T, Conv2d, Linear, Clamp, LeakyRelu, PRelu, HardSigmoid, HardSwish, Sigmoid, Tanh, Softmax,
                         AvgPool, Mean, Add, Sub, Mul>;
      },
      op);
}

/// The output quantisation that a kernel prescribes, whatever the file would like.
std::optional<Quantization> prescribed(const Op& op, const Quantization& input) {
  if (std::holds_alternative<Sigmoid>(op) || std::holds_alternative<Softmax>(op)) {
    return Quantization{{1.0f / 256}, {-128}, -1};
  }
  if (std::holds_alternative<Tanh>(op)) return Quantization{{1.0f / 128}, {0}, -1};
  if (const auto* pool = std::get_if<AvgPool>(&op); pool && pool->pad != Padding{}) return input;
  return std::nullopt;
}

bool has_weights(const Op& op) { return std::holds_alternative<Conv2d>(op) || std::holds_alternative<Linear>(op); }

/// Rebuilds the graph; every value of the old one has an integer form, a real form or both in the new one.
class Folder {
 public:
  explicit Folder(Graph old) : old_(std::move(old)), forms_(old_.values.size()), readers_(consumers(old_)) {
    is_output_.assign(old_.values.size(), false);
    for (ValueId id : old_.outputs) is_output_[static_cast<std::size_t>(id)] = true;
    new_.class_names = old_.class_names;
    new_.preprocess = old_.preprocess;
    new_.metadata = old_.metadata;
  }

  Graph run() {
    for (ValueId id : old_.inputs) {
      const Value& value = old_.value(id);
      form(id, value.type.dtype) = new_.add_input(value.name, value.type);
    }
    std::vector<bool> done(old_.nodes.size(), false);
    for (std::size_t i = 0; i < old_.nodes.size(); ++i) {
      if (done[i]) continue;
      const Node& node = old_.nodes[i];
      if (std::holds_alternative<Quantize>(node.op)) {
        convert(node);
      } else if (only_moves(node.op) && move(node)) {
      } else if (const auto last = integer_end(node); !last || !compute(node, *last, done)) {
        keep(node);
      }
    }
    for (ValueId id : old_.outputs) {
      new_.outputs.push_back(old_.type(id).dtype == DType::kF32 ? real(id) : integer(id));
    }
    return std::move(new_);
  }

 private:
  struct Form {
    ValueId integer = -1;
    ValueId real = -1;
  };

  ValueId& form(ValueId id, DType dtype) {
    Form& f = forms_[static_cast<std::size_t>(id)];
    return dtype == DType::kF32 ? f.real : f.integer;
  }

  /// The integer form; -1 when the value was never quantised.
  ValueId integer(ValueId id) {
    Form& f = forms_[static_cast<std::size_t>(id)];
    const Value& value = old_.value(id);
    if (f.integer < 0 && value.constant() && value.type.dtype != DType::kF32) {
      f.integer = new_.add_constant(value.name, value.type, value.data);
    }
    return f.integer;
  }

  /// The real form, dequantised here if there is none yet.
  ValueId real(ValueId id) {
    Form& f = forms_[static_cast<std::size_t>(id)];
    if (f.real >= 0) return f.real;
    const Value& value = old_.value(id);
    if (value.constant()) return f.real = new_.add_constant(value.name, value.type, value.data);
    MJ_CHECK(f.integer >= 0);
    const Type type{DType::kF32, value.type.shape, {}};
    if (new_.value(f.integer).constant()) {
      return f.real = new_.add_constant(value.name, value.type.shape, real_elements(f.integer));
    }
    f.real = new_.add_value(value.name, type);
    new_.nodes.push_back({value.name, Quantize{}, {f.integer}, f.real});
    return f.real;
  }

  std::vector<float> real_elements(ValueId id) const {
    const Value& value = new_.value(id);
    const Quantization& quant = *value.type.quant;
    const auto count = static_cast<std::size_t>(value.type.count());
    std::size_t inner = std::max<std::size_t>(count, 1);
    if (quant.per_channel()) {
      inner = 1;
      for (std::size_t d = static_cast<std::size_t>(quant.axis) + 1; d < value.type.shape.size(); ++d) {
        inner *= static_cast<std::size_t>(value.type.shape[d]);
      }
    }
    std::vector<float> result(count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t c = i / inner % quant.scale.size();
      const std::int64_t q =
          value.type.dtype == DType::kI8 ? value.data.as<std::int8_t>()[i] : value.data.as<std::int32_t>()[i];
      result[i] = quant.scale[c] * static_cast<float>(q - quant.zero_point[c]);
    }
    return result;
  }

  void convert(const Node& node) {
    const ValueId x = node.inputs[0], y = node.output;
    const Type& type = old_.type(y);
    if (type.dtype == DType::kF32) {  // dequantise: only noted, done when somebody needs real numbers
      forms_[static_cast<std::size_t>(y)].integer = integer(x);
      return;
    }
    const ValueId twin = integer(x);
    if (twin >= 0 && new_.type(twin).quant == type.quant && !is_output_[static_cast<std::size_t>(y)]) {
      forms_[static_cast<std::size_t>(y)].integer = twin;
      return;
    }
    const ValueId from = twin >= 0 && new_.type(twin).dtype == DType::kI8 ? twin : real(x);
    append(node, {from}, y, type);
  }

  void append(const Node& node, std::vector<ValueId> inputs, ValueId y, const Type& type) {
    const ValueId id = new_.add_value(old_.value(y).name, type);
    new_.nodes.push_back({node.name, node.op, std::move(inputs), id});
    form(y, type.dtype) = id;
  }

  bool all_integer(const std::vector<ValueId>& inputs) {
    return std::all_of(inputs.begin(), inputs.end(), [&](ValueId id) {
      const ValueId twin = integer(id);
      return twin >= 0 && new_.type(twin).dtype == DType::kI8 && !new_.type(twin).quant->per_channel();
    });
  }

  /// Moves the integers instead of the real numbers. Joining wants one quantisation: the next one's, or the first's
  /// where all agree.
  bool move(const Node& node) {
    if (!all_integer(node.inputs)) return false;
    Type type{DType::kI8, old_.type(node.output).shape, new_.type(integer(node.inputs[0])).quant};
    std::vector<ValueId> inputs;
    const bool agree = std::all_of(node.inputs.begin(), node.inputs.end(),
                                   [&](ValueId id) { return new_.type(integer(id)).quant == type.quant; });
    if (!agree) {
      const auto next = quantised_as(node.output);
      if (!next) return false;
      type.quant = *next;
    }
    for (ValueId id : node.inputs) inputs.push_back(requantised(integer(id), *type.quant, node.name));
    if (const auto* pad = std::get_if<Pad>(&node.op); pad && !agree) return false;
    append(node, std::move(inputs), node.output, type);
    return true;
  }

  ValueId requantised(ValueId id, const Quantization& quant, const std::string& name) {
    if (new_.type(id).quant == quant) return id;
    const ValueId to =
        new_.add_value(new_.value(id).name + "_requantized", Type{DType::kI8, new_.type(id).shape, quant});
    new_.nodes.push_back({name, Quantize{}, {id}, to});
    return to;
  }

  /// The quantisation that all readers of a real value convert it to; nothing when one needs the real numbers.
  std::optional<Quantization> quantised_as(ValueId id) const {
    if (is_output_[static_cast<std::size_t>(id)]) return std::nullopt;
    const auto& list = readers_[static_cast<std::size_t>(id)];
    for (std::int32_t r : list) {
      const Node& reader = old_.nodes[static_cast<std::size_t>(r)];
      if (!std::holds_alternative<Quantize>(reader.op) || old_.type(reader.output).dtype != DType::kI8)
        return std::nullopt;
    }
    if (list.empty()) return std::nullopt;
    return old_.type(old_.nodes[static_cast<std::size_t>(list[0])].output).quant;
  }

  /// Where an operator's result is quantised again: behind itself, or behind a clamp that it can fuse.
  struct End {
    ValueId value = -1;
    Quantization quant;
    std::int32_t clamp = -1;
  };
  std::optional<End> integer_end(const Node& node) const {
    if (!computes_in_int8(node.op) && !std::holds_alternative<MaxPool>(node.op)) return std::nullopt;
    if (auto quant = quantised_as(node.output)) return End{node.output, std::move(*quant), -1};
    const auto& list = readers_[static_cast<std::size_t>(node.output)];
    const Range* fused = fused_clamp(node.op);
    if (!fused || !fused->none() || list.size() != 1 || is_output_[static_cast<std::size_t>(node.output)])
      return std::nullopt;
    const Node& clamp = old_.nodes[static_cast<std::size_t>(list[0])];
    if (!std::holds_alternative<Clamp>(clamp.op)) return std::nullopt;
    auto quant = quantised_as(clamp.output);
    if (!quant) return std::nullopt;
    return End{clamp.output, std::move(*quant), list[0]};
  }

  bool compute(const Node& node, const End& end, std::vector<bool>& done) {
    if (std::holds_alternative<MaxPool>(node.op)) return false;
    const std::size_t activations = has_weights(node.op) ? 1 : node.inputs.size();
    if (!all_integer({node.inputs.begin(), node.inputs.begin() + static_cast<std::ptrdiff_t>(activations)}))
      return false;
    std::vector<ValueId> inputs;
    for (std::size_t i = 0; i < activations; ++i) inputs.push_back(integer(node.inputs[i]));
    if (has_weights(node.op)) {
      const ValueId weight = integer(node.inputs[1]);
      if (!suits_integers(weight)) return false;
      inputs.push_back(weight);
      if (node.inputs.size() > 2) {
        const ValueId bias = integer_bias(node.inputs[2], *new_.type(inputs[0]).quant, *new_.type(weight).quant);
        if (bias < 0) return false;
        inputs.push_back(bias);
      }
    }
    Node integer_node = node;
    if (end.clamp >= 0) {
      *fused_clamp(integer_node.op) = std::get<Clamp>(old_.nodes[static_cast<std::size_t>(end.clamp)].op).range;
      done[static_cast<std::size_t>(end.clamp)] = true;
    }
    const Quantization& in = *new_.type(inputs[0]).quant;
    const Type type{DType::kI8, old_.type(end.value).shape, prescribed(node.op, in).value_or(end.quant)};
    append(integer_node, std::move(inputs), end.value, type);
    return true;
  }

  bool suits_integers(ValueId weight) const {
    if (weight < 0 || !new_.value(weight).constant() || new_.type(weight).dtype != DType::kI8) return false;
    const Quantization& quant = *new_.type(weight).quant;
    return quant.axis <= 0 &&
           std::all_of(quant.zero_point.begin(), quant.zero_point.end(), [](int z) { return z == 0; });
  }

  /// The bias on the accumulators' scale; -1 when it does not fit there.
  ValueId integer_bias(ValueId id, const Quantization& x, const Quantization& weight) {
    const Value& old_value = old_.value(id);
    const ValueId given = integer(id);
    if (given < 0 && !old_value.constant()) return -1;
    const std::vector<float> reals =
        given >= 0 ? real_elements(given)
                   : std::vector<float>(old_value.data.as<float>().begin(), old_value.data.as<float>().end());
    Quantization quant{{}, {}, weight.axis};
    for (float s : weight.scale) {
      quant.scale.push_back(x.scale[0] * s);
      quant.zero_point.push_back(0);
    }
    if (given >= 0 && new_.type(given).dtype == DType::kI32 && suits_accumulator(*new_.type(given).quant, quant))
      return given;
    std::vector<std::int32_t> elements;
    for (std::size_t c = 0; c < reals.size(); ++c) {
      const double q =
          std::round(static_cast<double>(reals[c]) / static_cast<double>(quant.scale[quant.scale.size() == 1 ? 0 : c]));
      if (!(std::abs(q) <= 2147483647.0)) return -1;
      elements.push_back(static_cast<std::int32_t>(q));
    }
    return new_.add_constant(old_value.name, Type{DType::kI32, old_value.type.shape, quant},
                             Constant::of(std::span<const std::int32_t>(elements)));
  }

  /// Whether the file's bias counts in steps of the accumulator, up to rounding of the scales.
  static bool suits_accumulator(const Quantization& bias, const Quantization& wanted) {
    if (bias.scale.size() != wanted.scale.size() || bias.axis != wanted.axis) return false;
    for (std::size_t c = 0; c < bias.scale.size(); ++c) {
      if (std::abs(bias.scale[c] - wanted.scale[c]) > 1e-5f * wanted.scale[c]) return false;
    }
    return true;
  }

  void keep(const Node& node) {
    std::vector<ValueId> inputs;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId twin = integer(node.inputs[i]);
      const bool hybrid = has_weights(node.op) && i == 1 && suits_integers(twin);
      inputs.push_back(hybrid ? twin : real(node.inputs[i]));
    }
    append(node, std::move(inputs), node.output, old_.type(node.output));
  }

  Graph old_;
  Graph new_;
  std::vector<Form> forms_;
  std::vector<std::vector<std::int32_t>> readers_;
  std::vector<bool> is_output_;
};

}  // namespace

Graph fold_quantize(Graph graph) {
  const bool any = std::any_of(graph.nodes.begin(), graph.nodes.end(),
                               [](const Node& node) { return std::holds_alternative<Quantize>(node.op); });
  return any ? Folder(std::move(graph)).run() : graph;
}

}  // namespace mj::onnx
