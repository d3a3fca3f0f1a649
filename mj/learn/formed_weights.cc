// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/formed_weights.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <variant>

#include "mj/base/error.h"
#include "mj/learn/device.h"

namespace mj {
namespace {

at::Tensor as_tensor(const Value& value) {
  const std::span<const float> elements = value.data.as<float>();
  const std::vector<std::int64_t> sizes(value.type.shape.begin(), value.type.shape.end());
  at::Tensor tensor = at::empty(sizes, at::kFloat);
  std::ranges::copy(elements, tensor.data_ptr<float>());
  return tensor;
}

constexpr double kUnused = 1e-3;  // share of the median variance below which a row counts as not in use

/// Elements over the root mean square of their row: behind a batch-norm the size of a row means nothing. Were elements compared
/// as they are, a row that grows would leave no elements to the others; and as a row of zeros gets gradients many times too large
/// from its batch-norm, every row would in turn outgrow all others, by orders of magnitude until nothing is finite.
at::Tensor in_row_deviations(const at::Tensor& weight) {
  const at::Tensor rows = weight.reshape({weight.size(0), -1});
  return (rows / at::clamp_min(rows.square().mean(1, /*keepdim=*/true).sqrt(), 1e-20)).reshape(weight.sizes());
}

/// The batch-norm that alone reads what a weight makes; null where there is none.
const Node* batch_norm_behind(const Graph& graph, ValueId weight) {
  const auto reads = [&](const Node& node) { return node.inputs.size() > 1 && node.inputs[1] == weight; };
  const auto user = std::ranges::find_if(graph.nodes, reads);
  if (user == graph.nodes.end() || std::ranges::count_if(graph.nodes, reads) != 1) return nullptr;
  const Node* norm = nullptr;
  for (const Node& node : graph.nodes) {
    if (std::ranges::find(node.inputs, user->output) == node.inputs.end()) continue;
    if (norm || !std::holds_alternative<BatchNorm>(node.op)) return nullptr;
    norm = &node;
  }
  return norm;
}

}  // namespace

double scheduled_density(double final_density, double sparse_until, double progress) {
  if (progress >= sparse_until) return final_density;
  const double left = 1 - progress / sparse_until;
  return final_density + (1 - final_density) * left * left * left;
}

at::Tensor magnitude_mask(const at::Tensor& weight, double density, int block) {
  if (density >= 1) return at::ones_like(weight);
  const at::NoGradGuard no_gradient;
  const std::int64_t rows = weight.size(0);
  at::Tensor score = weight.detach().abs().reshape({rows, -1});
  const std::int64_t columns = score.size(1);
  const std::int64_t blocks = (columns + block - 1) / block;
  if (block > 1) score = at::constant_pad_nd(score, {0, blocks * block - columns}).reshape({rows, blocks, block}).sum(2);
  score = score.reshape({-1});
  const std::int64_t all = score.numel();
  const auto kept = std::clamp<std::int64_t>(std::llround(density * static_cast<double>(all)), 1, all);
  const at::Tensor order = std::get<1>(score.topk(kept));
  at::Tensor mask = at::zeros({all}, score.options());
  mask.index_fill_(0, order, 1);
  mask = mask.reshape({rows, blocks});
  if (block > 1) mask = mask.repeat_interleave(block, 1).narrow(1, 0, columns);
  return mask.reshape(weight.sizes());
}

at::Tensor rounded_to_bits(const at::Tensor& weight, int bits, bool per_tensor, const at::Tensor& deciding) {
  if (bits == 0) return weight;
  const at::NoGradGuard no_gradient;
  const at::Tensor rows = weight.detach().reshape({per_tensor ? 1 : weight.size(0), -1});
  const at::Tensor decides = deciding.defined() ? deciding.expand_as(weight).reshape(rows.sizes()) : at::ones_like(rows);
  const at::Tensor largest = at::clamp_min((rows * decides).abs().amax(1, /*keepdim=*/true), 1e-20);
  const double limit = bits == 4 ? 7 : 127;
  const auto rounded = [&](double ratio) {
    const at::Tensor step = largest * (ratio / limit);
    return at::clamp(at::round(rows / step), -limit, limit) * step;
  };
  at::Tensor best = rounded(1);
  if (bits == 4) {
    at::Tensor least = ((best - rows) * decides).square().sum(1, true);
    for (double ratio : {0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3}) {
      const at::Tensor candidate = rounded(ratio);
      const at::Tensor error = ((candidate - rows) * decides).square().sum(1, true);
      const at::Tensor better = error < least;
      best = at::where(better, candidate, best);
      least = at::minimum(error, least);
    }
  }
  return best.reshape(weight.sizes());
}

FormedWeights::FormedWeights(const Graph& graph, WeightForms forms, c10::Device device) : forms_(std::move(forms)) {
  for (const WeightForm& form : forms_.weights) {
    if (form.weight < 0 || static_cast<std::size_t>(form.weight) >= graph.values.size() ||
        !graph.value(form.weight).constant()) {
      fail("a weight's form names value {}, which is no constant of the network", form.weight);
    }
    const Value& value = graph.value(form.weight);
    if (!(form.density > 0 && form.density <= 1)) {
      fail("weight '{}' has the density {}; expected above 0 and at most 1", value.name, form.density);
    }
    if (form.block != 1 && form.block != 4) fail("weight '{}' has blocks of {}; expected 1 or 4", value.name, form.block);
    if (form.bits != 0 && form.bits != 4 && form.bits != 8) fail("weight '{}' has {} bits; expected 0, 4 or 8", value.name, form.bits);
    fixed_masks_.emplace_back();
    norms_.emplace_back();
    if (const Node* norm = batch_norm_behind(graph, form.weight)) {
      norms_.back() = {norm->inputs[1], norm->inputs[4], std::get<BatchNorm>(norm->op).epsilon};
    }
    if (form.kept.empty()) continue;
    if (static_cast<std::int64_t>(form.kept.size()) != value.type.count()) {
      fail("weight '{}' has {} elements; its mask has {}", value.name, value.type.count(), form.kept.size());
    }
    at::Tensor mask = at::empty({value.type.count()}, at::kFloat);
    std::ranges::transform(form.kept, mask.data_ptr<float>(), [](std::uint8_t kept) { return kept ? 1.0f : 0.0f; });
    const std::vector<std::int64_t> sizes(value.type.shape.begin(), value.type.shape.end());
    fixed_masks_.back() = mask.reshape(sizes).to(device);
  }
}

at::Tensor FormedWeights::formed(std::size_t i, const std::function<at::Tensor(ValueId)>& constant, double progress) const {
  const WeightForm& form = forms_.weights[i];
  const at::NoGradGuard no_gradient;
  const at::Tensor weight = constant(form.weight).detach();
  at::Tensor seen = weight;
  if (fixed_masks_[i].defined()) {
    seen = seen * fixed_masks_[i];
  } else if (form.density < 1) {
    const at::Tensor score = norms_[i] ? in_row_deviations(weight) : weight;
    seen = seen * magnitude_mask(score, scheduled_density(form.density, forms_.sparse_until, progress), form.block);
  }
  if (progress < forms_.quantized_from) return seen;
  if (!norms_[i] || !form.per_tensor) return rounded_to_bits(seen, form.bits, form.per_tensor);
  const Norm& norm = *norms_[i];
  std::vector<std::int64_t> rows(static_cast<std::size_t>(weight.dim()), 1);
  rows[0] = weight.size(0);
  const at::Tensor variance = constant(norm.variance).detach();
  const at::Tensor size = at::clamp_min((constant(norm.gamma) / (variance + norm.epsilon).sqrt()).abs(), 1e-12).reshape(rows);
  // A row that was all zeros has no variance: folded, its elements are far larger than they will be once it is in use. It must
  // not set the step of the others, which would become zeros by that, and large in turn.
  const at::Tensor used = (variance >= kUnused * variance.median()).to(at::kFloat).reshape(rows);
  return rounded_to_bits(seen * size, form.bits, true, used) / size;
}

std::map<ValueId, at::Tensor> FormedWeights::at(const Weights& weights, double progress) const {
  std::map<ValueId, at::Tensor> seen;
  for (std::size_t i = 0; i < forms_.weights.size(); ++i) {
    const at::Tensor& weight = weights[forms_.weights[i].weight];
    const at::Tensor formed_weight = formed(i, [&](ValueId id) { return weights[id]; }, progress);
    const at::Tensor through = fixed_masks_[i].defined() ? weight * fixed_masks_[i] : weight;
    seen[forms_.weights[i].weight] = through + (formed_weight - through).detach();
  }
  return seen;
}

Graph with_forms(Graph graph, const WeightForms& forms) {
  return with_torch(Device::kCpu, [&](c10::Device device) {
    const FormedWeights formed(graph, forms, device);
    for (std::size_t i = 0; i < forms.weights.size(); ++i) {
      Value& value = graph.value(forms.weights[i].weight);
      const at::Tensor final_weight = formed.formed(i, [&](ValueId id) { return as_tensor(graph.value(id)); }, 1).contiguous();
      value.data = Constant::of(std::span<const float>(final_weight.data_ptr<float>(), static_cast<std::size_t>(value.type.count())));
    }
    return graph;
  });
}

}  // namespace mj
