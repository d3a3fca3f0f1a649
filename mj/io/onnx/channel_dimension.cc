// SPDX-License-Identifier: Apache-2.0
// ONNX does not say which dimension of an input holds the channels; the first operator that has channels does.
#include <algorithm>
#include <numeric>

#include "mj/io/onnx/importer.h"
#include "onnx.pb.h"

namespace mj::onnx {
namespace {

constexpr std::string_view kHasChannels[] = {"Conv",        "BatchNormalization", "MaxPool",
                                             "AveragePool", "GlobalAveragePool",  "GlobalMaxPool"};
constexpr std::string_view kKeepsDimensions[] = {"Identity", "Cast", "Relu",    "Clip",           "Add",
                                                 "Sub",      "Mul",  "Div",     "QuantizeLinear", "DequantizeLinear",
                                                 "Dropout",  "Pad",  "Sigmoid", "Tanh",           "LeakyRelu"};

// What stands between an input and its first convolution is short; a hostile file must not make this quadratic.
constexpr int kMaxSteps = 64;

bool is_one_of(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::int64_t> list_attribute(const mj_onnx::NodeProto& node, const char* name) {
  for (const auto& attribute : node.attribute()) {
    if (attribute.name() == name) return {attribute.ints().begin(), attribute.ints().end()};
  }
  return {};
}

/// The integers of an initialiser, as far as this search needs them: the axes of Unsqueeze since opset 13.
std::vector<std::int64_t> list_initializer(const mj_onnx::GraphProto& graph, const std::string& name) {
  for (const auto& tensor : graph.initializer()) {
    if (tensor.name() != name || tensor.data_type() != static_cast<int>(Elem::kInt64)) continue;
    std::vector<std::int64_t> list(tensor.int64_data().begin(), tensor.int64_data().end());
    if (tensor.has_raw_data()) {
      list.resize(tensor.raw_data().size() / sizeof(std::int64_t));
      std::copy_n(tensor.raw_data().data(), list.size() * sizeof(std::int64_t), reinterpret_cast<char*>(list.data()));
    }
    return list;
  }
  return {};
}

}  // namespace

int channel_dimension(const mj_onnx::ModelProto& model, const std::string& input, const Shape& dims) {
  // Walk along single readers; `origin` holds for every current dimension the one of the input, -1 for added ones.
  std::vector<int> origin(dims.size());
  std::iota(origin.begin(), origin.end(), 0);
  std::string name = input;
  for (int step = 0; step < kMaxSteps; ++step) {
    const mj_onnx::NodeProto* reader = nullptr;
    for (const auto& node : model.graph().node()) {
      if (std::find(node.input().begin(), node.input().end(), name) == node.input().end()) continue;
      reader = &node;
      break;
    }
    if (!reader || reader->output_size() == 0) return -1;
    const auto& op = reader->op_type();
    if (is_one_of(kHasChannels, op)) return origin.size() > 1 ? origin[1] : -1;
    if (op == "Transpose") {
      const auto perm = list_attribute(*reader, "perm");
      if (perm.size() != origin.size()) return -1;
      std::vector<int> moved;
      for (std::int64_t p : perm) {
        if (p < 0 || p >= static_cast<std::int64_t>(origin.size())) return -1;
        moved.push_back(origin[static_cast<std::size_t>(p)]);
      }
      origin = std::move(moved);
    } else if (op == "Unsqueeze") {
      auto axes = list_attribute(*reader, "axes");
      if (axes.empty() && reader->input_size() > 1) axes = list_initializer(model.graph(), reader->input(1));
      if (axes.size() != 1) return -1;
      const auto rank = static_cast<std::int64_t>(origin.size()) + 1;
      const std::int64_t axis = axes[0] < 0 ? axes[0] + rank : axes[0];
      if (axis < 0 || axis >= rank) return -1;
      origin.insert(origin.begin() + axis, -1);
    } else if (!is_one_of(kKeepsDimensions, op)) {
      return -1;
    }
    name = reader->output(0);
  }
  return -1;
}

}  // namespace mj::onnx
