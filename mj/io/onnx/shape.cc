// SPDX-License-Identifier: Apache-2.0
// Operators that only give the dimensions of a tensor other names: nothing moves until an order is needed.
#include <algorithm>
#include <array>
#include <numeric>

#include "mj/base/error.h"
#include "mj/io/onnx/importer.h"
#include "mj/io/onnx/shape_rules.h"

namespace mj::onnx {
namespace {

Shape without_ones(Shape shape) {
  std::erase(shape, 1);
  return shape;
}

/// The result of a Reshape or Flatten. A node appears here when the stored dimensions can follow without a move, so
/// that the graph reads like the file.
void set_reshaped(Importer& importer, const NodeView& node, Activation x, const Shape& dims) {
  importer.check_batch_kept(dims);
  const std::size_t kept = importer.batch() > 1 ? 1 : 0;
  auto layout = reshaped(x.layout, dims, kept);
  if (!layout) {
    std::vector<int> all;
    for (const auto& axes : x.layout.axes) all.insert(all.end(), axes.begin(), axes.end());
    x = importer.arrange(node.name(), x, {all});
    layout = stored_flat(dims, kept);
  }
  const Shape& stored = importer.graph.type(x.id).shape;
  auto natural = natural_shape(*layout);
  if (natural && natural->empty()) natural = Shape{1};
  const bool vector = dims.size() <= 2;
  if (natural && *natural != stored && (vector || without_ones(*natural) != without_ones(stored))) {
    const ValueId id = importer.add(node, Reshape{*natural}, {x.id});
    importer.set(node, 0, Activation{id, std::move(*layout), x.elem, node.name(), x.id});
  } else {
    importer.set(node, 0, importer.relabelled(node, x, std::move(*layout)));
  }
}

void reshape(Importer& importer, const NodeView& node) {
  const Activation& x = importer.activation(node, 0);
  const auto target = importer.integer_list(node, 1, "shape");
  set_reshaped(importer, node, x, reshape_dims(x.dims(), target, node.integer("allowzero", 0) != 0));
}

void flatten(Importer& importer, const NodeView& node) {
  const Activation& x = importer.activation(node, 0);
  set_reshaped(importer, node, x, flatten_dims(x.dims(), node.integer("axis", 1)));
}

void transpose(Importer& importer, const NodeView& node) {
  const Activation& x = importer.activation(node, 0);
  const auto perm = transpose_perm(x.rank(), node.integers("perm"));
  if (importer.batch() > 1 && perm[0] != 0) unsupported("moves the batch; export with a free batch or a batch of 1");
  importer.set(node, 0, importer.relabelled(node, x, transposed(x.layout, perm)));
}

/// The axes of Squeeze and Unsqueeze: an attribute before opset 13, an input since.
std::optional<std::vector<std::int64_t>> axes_of(Importer& importer, const NodeView& node) {
  if (importer.opset() < 13) return node.integers("axes");
  if (!node.has_input(1)) return std::nullopt;
  return importer.integer_list(node, 1, "axes");
}

void squeeze(Importer& importer, const NodeView& node) {
  const Activation& x = importer.activation(node, 0);
  auto axes = axes_of(importer, node);
  if (!axes && importer.batch_is_free() && importer.has_batch(x)) {
    axes.emplace();  // every dimension of size 1, but not the batch, whose size the file leaves open
    for (int d = 1; d < x.rank(); ++d) {
      if (x.dims()[static_cast<std::size_t>(d)] == 1) axes->push_back(d);
    }
  }
  const auto removed = squeeze_axes(x.dims(), axes);
  Layout layout;
  layout.factors = x.layout.factors;
  for (std::size_t d = 0; d < x.dims().size(); ++d) {
    if (std::find(removed.begin(), removed.end(), static_cast<int>(d)) != removed.end()) continue;
    layout.dims.push_back(x.dims()[d]);
    layout.axes.push_back(x.layout.axes[d]);
  }
  importer.set(node, 0, importer.relabelled(node, x, std::move(layout)));
}

void unsqueeze(Importer& importer, const NodeView& node) {
  const Activation& x = importer.activation(node, 0);
  const auto axes = axes_of(importer, node);
  if (!axes) fail("has no axes; expected some");
  const auto added = unsqueeze_axes(x.rank(), *axes);
  Layout layout = x.layout;
  for (int a : added) {
    layout.dims.insert(layout.dims.begin() + a, 1);
    layout.axes.insert(layout.axes.begin() + a, std::vector<int>{});
  }
  importer.check_batch_kept(layout.dims);
  importer.set(node, 0, importer.relabelled(node, x, std::move(layout)));
}

/// The dimensions of a computed tensor are known here, a free batch being 1.
void shape(Importer& importer, const NodeView& node) {
  const Shape& dims = importer.activation(node, 0).dims();
  const auto rank = static_cast<std::int64_t>(dims.size());
  const auto clamped = [&](std::int64_t i) { return std::clamp<std::int64_t>(i < 0 ? i + rank : i, 0, rank); };
  const std::int64_t begin = clamped(node.integer("start", 0));
  const std::int64_t end = std::max(begin, clamped(node.integer("end", rank)));
  const Shape part(dims.begin() + begin, dims.begin() + end);
  importer.set(node, 0, integer_literal({}, {end - begin}, part));
}

void size(Importer& importer, const NodeView& node) {
  const std::int64_t count = element_count(importer.activation(node, 0).dims());
  importer.set(node, 0, integer_literal({}, {}, {&count, 1}));
}

constexpr ConverterEntry kShapeConverters[] = {
    {"Reshape", reshape},     {"Flatten", flatten}, {"Transpose", transpose}, {"Squeeze", squeeze},
    {"Unsqueeze", unsqueeze}, {"Shape", shape},     {"Size", size},
};

}  // namespace

Shape reshape_dims(const Shape& from, std::span<const std::int64_t> target, bool zero_is_zero) {
  if (target.size() > kMaxRank) fail("shape has {} entries; expected at most {}", target.size(), kMaxRank);
  Shape dims(target.begin(), target.end());
  std::optional<std::size_t> open;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0 && !zero_is_zero) {
      if (i >= from.size()) fail("shape entry {} is 0; the input has {} dimensions", i, from.size());
      dims[i] = from[i];
    } else if (dims[i] == -1) {
      if (open) fail("shape has -1 twice; expected once");
      open = i;
    }
  }
  const std::int64_t count = element_count(from);
  if (open) dims[*open] = 1;
  const auto known = checked_count(dims);
  if (open && known && *known > 0) dims[*open] = count / *known;
  if (!known || checked_count(dims) != count) {
    fail("shape {} does not hold the {} elements of {}", shape_text(Shape(target.begin(), target.end())), count,
         shape_text(from));
  }
  return dims;
}

Shape flatten_dims(const Shape& from, std::int64_t axis) {
  const auto rank = static_cast<std::int64_t>(from.size());
  if (axis < -rank || axis > rank) fail("axis {} is outside of {} dimensions", axis, rank);
  const auto cut = from.begin() + (axis < 0 ? axis + rank : axis);
  return {element_count(Shape(from.begin(), cut)), element_count(Shape(cut, from.end()))};
}

std::vector<std::int64_t> transpose_perm(int rank, const std::optional<std::vector<std::int64_t>>& given) {
  std::vector<std::int64_t> perm(static_cast<std::size_t>(rank));
  std::iota(perm.rbegin(), perm.rend(), 0);
  if (!given) return perm;
  auto ordered = *given;
  std::sort(ordered.begin(), ordered.end());
  std::reverse(ordered.begin(), ordered.end());
  if (ordered != perm) fail("perm is not a permutation of the {} dimensions of the input", rank);
  return *given;
}

std::vector<int> squeeze_axes(const Shape& from, const std::optional<std::vector<std::int64_t>>& axes) {
  std::vector<int> removed;
  if (axes) {
    for (std::int64_t axis : *axes) {
      const int a = checked_axis(axis, static_cast<int>(from.size()));
      if (from[static_cast<std::size_t>(a)] != 1)
        fail("dimension {} has size {}; expected 1", a, from[static_cast<std::size_t>(a)]);
      removed.push_back(a);
    }
  } else {
    for (std::size_t d = 0; d < from.size(); ++d) {
      if (from[d] == 1) removed.push_back(static_cast<int>(d));
    }
  }
  return removed;
}

std::vector<int> unsqueeze_axes(int rank, std::span<const std::int64_t> axes) {
  if (axes.size() > kMaxRank) fail("axes has {} entries; expected at most {}", axes.size(), kMaxRank);
  std::vector<int> added;
  for (std::int64_t axis : axes) added.push_back(checked_axis(axis, rank + static_cast<int>(axes.size())));
  std::sort(added.begin(), added.end());
  if (std::adjacent_find(added.begin(), added.end()) != added.end()) fail("axes lists a dimension twice");
  return added;
}

std::span<const ConverterEntry> shape_converters() { return kShapeConverters; }

}  // namespace mj::onnx
