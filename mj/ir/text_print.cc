// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <utility>

#include "mj/base/error.h"
#include "mj/base/hash.h"
#include "mj/base/text.h"
#include "mj/ir/text.h"
#include "mj/ir/text_fields.h"

namespace mj {
namespace {

constexpr std::int64_t kMaxWrittenOut = 16;

std::string string_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string to_text(bool value) { return value ? "true" : "false"; }
std::string to_text(float value) { return float_text(value); }
template <class Integer>
requires std::is_integral_v<Integer> std::string to_text(Integer value) { return std::to_string(value); }

template <class List>
std::string list_text(const List& list) {
  std::string out = "[";
  for (const auto& entry : list) {
    if (out.size() > 1) out += ", ";
    out += to_text(entry);
  }
  return out + "]";
}

std::string to_text(const Range& range) { return list_text(std::array{range.low, range.high}); }
template <class T, std::size_t n>
std::string to_text(const std::array<T, n>& list) {
  return list_text(list);
}
/// A list of one is written as its entry.
template <class T>
std::string to_text(const std::vector<T>& list) {
  return list.size() == 1 ? to_text(list[0]) : list_text(list);
}

/// " name=value" for every field, leaving out those that are as in `defaults`.
template <class Self>
std::string fields_text(const Self& self, const Self* defaults) {
  std::vector<std::string> left_out;
  if (defaults) {
    visit_fields(*defaults, [&](const char*, const auto& value) { left_out.push_back(to_text(value)); });
  }
  std::string out;
  std::size_t i = 0;
  visit_fields(self, [&](const char* name, const auto& value) {
    const std::string text = to_text(value);
    if (!defaults || text != left_out[i]) out += fmt::format(" {}={}", name, text);
    ++i;
  });
  return out;
}

template <class Self>
std::string fields_text(const Self& self) {
  const Self defaults{};
  return fields_text(self, &defaults);
}

std::string full_type_text(const Type& type) {
  std::string out = type_text(type);
  if (!type.quant) return out;
  Quantization quant = *type.quant;
  const auto& zeros = quant.zero_point;
  // Hundreds of channels share one zero point: it is written once and parsed as standing for all.
  if (zeros.size() == quant.scale.size() && !zeros.empty() &&
      std::all_of(zeros.begin(), zeros.end(), [&](std::int32_t zero) { return zero == zeros[0]; })) {
    quant.zero_point.resize(1);
  }
  return out + fields_text(quant);
}

template <class T>
std::string elements_text(const Constant& constant) {
  return list_text(constant.as<T>());
}

/// Broken graphs may have bits that do not exist.
std::string encoding_text(Encoding encoding) {
  const bool known = (encoding.bits == 8 || encoding.bits == 4) && (!encoding.per_tensor || encoding.layout == Layout::kDense);
  return known ? std::string(encoding_name(encoding)) : fmt::format("bits_{}", encoding.bits);
}

/// Prints one graph; works on graphs that do not verify too, so that a pass that breaks one can be looked at.
class Printer {
 public:
  Printer(const Graph& graph, std::map<std::string, Constant>& blobs)
      : graph_(graph), blobs_(blobs), printed_(graph.values.size(), 0) {}

  std::string run() {
    out_ = "format = 1\n\n";
    for (const ValueId id : graph_.inputs) out_ += fmt::format("input {}\n", definition(id));
    for (const Node& node : graph_.nodes) print_node(node);
    for (std::size_t i = 0; i < graph_.values.size(); ++i) {
      if (!printed_[i]) print_loose(static_cast<ValueId>(i));
    }
    for (const ValueId id : graph_.outputs) out_ += fmt::format("output %{}\n", id);
    print_facts();
    if (graph_.plan) print_plan(*graph_.plan);
    return std::move(out_);
  }

 private:
  bool exists(ValueId id) const { return id >= 0 && static_cast<std::size_t>(id) < graph_.values.size(); }

  /// `%3 "name": f32[8]`, or the bare id where a broken graph has no such value.
  std::string definition(ValueId id) {
    if (!exists(id)) return fmt::format("%{}", id);
    printed_[static_cast<std::size_t>(id)] = 1;
    const Value& value = graph_.value(id);
    return fmt::format("%{} {}: {}", id, string_text(value.name), full_type_text(value.type));
  }

  /// A value that no node writes: constants, and what a broken graph left behind.
  void print_loose(ValueId id) {
    const Value& value = graph_.value(id);
    const std::string text = definition(id);
    if (!value.constant()) {
      out_ += fmt::format("value {}\n", text);
      return;
    }
    const std::string stored = value.encoding.plain() ? "" : fmt::format("{} ", encoding_text(value.encoding));
    out_ += fmt::format("const {} = {}{}\n", text, stored, data_text(value));
  }

  void print_node(const Node& node) {
    // Constants stand right above their first reader.
    for (const ValueId id : node.inputs) {
      if (exists(id) && graph_.value(id).constant() && !printed_[static_cast<std::size_t>(id)]) print_loose(id);
    }
    std::string inputs;
    for (const ValueId id : node.inputs) inputs += fmt::format("{}%{}", inputs.empty() ? "" : ", ", id);
    const std::string attributes = std::visit([](const auto& op) { return fields_text(op); }, node.op);
    out_ += fmt::format("{} = {} {} ({}){}\n", definition(node.output), op_name(node.op), string_text(node.name),
                        inputs, attributes);
  }

  std::string data_text(const Value& value) {
    const Constant& data = value.data;
    const std::int64_t size = static_cast<std::int64_t>(data.bytes().size());
    const std::int64_t count = size / byte_size(value.type.dtype);
    if (count > kMaxWrittenOut || size % byte_size(value.type.dtype) != 0) return blob_text(value);
    switch (value.type.dtype) {
      case DType::kF32: {
        const auto reals = data.as<float>();
        // The text of a NaN does not say which bits it has.
        const bool nan = std::any_of(reals.begin(), reals.end(), [](float real) { return std::isnan(real); });
        return nan ? blob_text(value) : elements_text<float>(data);
      }
      case DType::kI8:
        return elements_text<std::int8_t>(data);
      case DType::kI16:
        return elements_text<std::int16_t>(data);
      case DType::kI32:
        return elements_text<std::int32_t>(data);
    }
    MJ_CHECK(!"unknown dtype");
    return "";
  }

  std::string blob_text(const Value& value) {
    const std::string hash = hash_text(content_hash(value.data.bytes()));
    const auto [place, added] = blobs_.emplace(hash, value.data);
    if (!added && !(place->second == value.data)) {
      fail("value '{}': another constant has the same content hash {}", value.name, hash);
    }
    return "#" + hash;
  }

  void print_facts() {
    if (graph_.preprocess != Preprocess{}) out_ += fmt::format("preprocess{}\n", fields_text(graph_.preprocess));
    for (const std::string& name : graph_.class_names) out_ += fmt::format("class {}\n", string_text(name));
    for (const auto& [key, text] : graph_.metadata) {
      out_ += fmt::format("metadata {} = {}\n", string_text(key), string_text(text));
    }
  }

  void print_plan(const Plan& plan) {
    out_ += fmt::format("\nplan{}\n", fields_text<Plan>(plan, nullptr));
    for (const Buffer& buffer : plan.buffers) {
      out_ += fmt::format("buffer %{}{}\n", buffer.value, fields_text<Buffer>(buffer, nullptr));
    }
    if (!plan.units) return;
    out_ += fmt::format("units{}\n", fields_text<UnitPlan>(*plan.units, nullptr));
    for (const Tiling& tiling : plan.units->tilings) out_ += fmt::format("tiling{}\n", fields_text(tiling));
  }

  const Graph& graph_;
  std::map<std::string, Constant>& blobs_;
  std::vector<char> printed_;
  std::string out_;
};

}  // namespace

std::string print_text(const Graph& graph, std::map<std::string, Constant>* blobs) {
  std::map<std::string, Constant> unwanted;
  return Printer(graph, blobs ? *blobs : unwanted).run();
}

}  // namespace mj
