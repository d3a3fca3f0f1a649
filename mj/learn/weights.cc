// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/weights.h"

#include <algorithm>
#include <cstring>

#include "mj/base/error.h"

namespace mj {
namespace {

/// Order of the flat tensor.
enum class Role { kDecayed, kUndecayed, kStatistics, kFixed };

/// What training does with constants at each input of an operator.
Role role(const Op& op, std::size_t input) {
  if (std::holds_alternative<Conv2d>(op) || std::holds_alternative<Linear>(op)) {
    return input == 1 ? Role::kDecayed : Role::kUndecayed;
  }
  if (std::holds_alternative<BatchNorm>(op)) return input <= 2 ? Role::kUndecayed : Role::kStatistics;
  if (std::holds_alternative<PRelu>(op)) return Role::kUndecayed;
  return Role::kFixed;
}

std::map<ValueId, Role> roles(const Graph& graph, std::span<const ValueId> also_trained) {
  std::map<ValueId, Role> found;
  for (const Node& node : graph.nodes) {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (!graph.value(node.inputs[i]).constant()) continue;
      const bool wanted = std::ranges::find(also_trained, node.inputs[i]) != also_trained.end();
      const Role here = wanted ? Role::kUndecayed : role(node.op, i);
      const auto [entry, fresh] = found.try_emplace(node.inputs[i], here);
      if (!fresh && entry->second != here) {
        fail("{}: constant '{}' is also used in another role; training needs a copy for each", describe(node),
             graph.value(node.inputs[i]).name);
      }
    }
  }
  return found;
}

std::vector<std::int64_t> sizes(const Shape& shape) { return {shape.begin(), shape.end()}; }

}  // namespace

Weights::Weights(const Graph& graph, c10::Device device, std::span<const ValueId> also_trained) {
  for (const Value& value : graph.values) {
    if (value.type.dtype != DType::kF32) {
      fail("value '{}' is {}; libtorch runs float networks only", value.name, dtype_name(value.type.dtype));
    }
  }
  const std::map<ValueId, Role> role_of = roles(graph, also_trained);
  const auto align = [](std::int64_t count) { return (count + 15) / 16 * 16; };
  std::int64_t end = 0;
  for (Role wanted : {Role::kDecayed, Role::kUndecayed, Role::kStatistics}) {
    for (const auto& [id, found] : role_of) {
      if (found != wanted) continue;
      places_.push_back({id, end});
      end += align(graph.type(id).count());
    }
    if (wanted == Role::kDecayed) decayed_count_ = end;
    if (wanted == Role::kUndecayed) parameter_count_ = end;
  }
  const auto copy = [](const Constant& constant, float* to) {
    const std::span<const float> from = constant.as<float>();
    std::ranges::copy(from, to);
  };
  at::Tensor host = at::zeros({end}, at::kFloat);
  for (const Place& place : places_) copy(graph.value(place.id).data, host.data_ptr<float>() + place.offset);
  all_ = host.to(device);
  for (const Place& place : places_) {
    const Type& type = graph.type(place.id);
    tensors_[place.id] = all_.narrow(0, place.offset, type.count()).view(sizes(type.shape)).detach();
  }
  for (const auto& [id, found] : role_of) {
    if (found != Role::kFixed) continue;
    at::Tensor fixed = at::empty(sizes(graph.type(id).shape), at::kFloat);
    copy(graph.value(id).data, fixed.data_ptr<float>());
    tensors_[id] = fixed.to(device);
  }
}

at::Tensor Weights::track_gradients() {
  at::Tensor gradient = at::zeros({parameter_count_}, all_.options());
  for (const Place& place : places_) {
    if (place.offset >= parameter_count_) break;
    at::Tensor& tensor = tensors_.at(place.id);
    tensor.set_requires_grad(true);
    tensor.mutable_grad() = gradient.narrow(0, place.offset, tensor.numel()).view(tensor.sizes());
  }
  return gradient;
}

Graph Weights::store(Graph graph, const at::Tensor& flat) const {
  const at::Tensor host = flat.detach().to(at::kCPU).contiguous();
  MJ_CHECK(host.numel() == all_.numel());
  for (const Place& place : places_) {
    Value& value = graph.value(place.id);
    value.data = Constant::of(
        std::span<const float>(host.data_ptr<float>() + place.offset, static_cast<std::size_t>(value.type.count())));
  }
  return graph;
}

}  // namespace mj
