// SPDX-License-Identifier: Apache-2.0
// Operators that take, join, extend or average along single dimensions.
#include <algorithm>
#include <numeric>

#include "mj/base/error.h"
#include "mj/io/onnx/importer.h"
#include "mj/io/onnx/shape_rules.h"

namespace mj::onnx {
namespace {

/// A tensor with one stored dimension for each entry of `order`.
struct Ordered {
  Activation x;
  std::vector<int> order;

  /// The stored dimension of dimension `d`; -1 for the batch.
  int stored(int d) const {
    const auto found = std::find(order.begin(), order.end(), d);
    return found == order.end() ? -1 : static_cast<int>(found - order.begin());
  }
  Layout layout(Shape dims) const {
    auto listed = order;
    std::erase(listed, -1);
    return stored_in_order(std::move(dims), listed);
  }
};

Ordered ordered(Importer& importer, const NodeView& node, const Activation& x) {
  auto order = importer.cheapest_order(x);
  Activation stored = importer.in_order(node.name(), x, order);
  return {std::move(stored), std::move(order)};
}

void concat(Importer& importer, const NodeView& node) {
  if (!node.has("axis")) fail("has no axis; expected one");
  int first = 0;
  while (importer.is_literal(node, first)) ++first;
  const Activation& reference = importer.activation(node, first);
  const int axis = checked_axis(node.integer("axis", 0), reference.rank());
  const auto order = importer.cheapest_order(reference);
  const Ordered lead{reference, order};
  if (lead.stored(axis) < 0) unsupported("joins along the batch; run the model once per sample");

  Shape dims = reference.dims();
  dims[static_cast<std::size_t>(axis)] = 0;
  std::vector<ValueId> inputs;
  for (int i = 0; i < node.input_count(); ++i) {
    const bool constant = importer.is_literal(node, i);
    const Shape& part = constant ? importer.literal(node, i, "input").dims : importer.activation(node, i).dims();
    Shape expected = dims;
    if (part.size() == dims.size()) expected[static_cast<std::size_t>(axis)] = part[static_cast<std::size_t>(axis)];
    if (part != expected) {
      fail("input '{}' has shape {}; expected {} up to dimension {}", node.input(i), shape_text(part),
           shape_text(reference.dims()), axis);
    }
    dims[static_cast<std::size_t>(axis)] += part[static_cast<std::size_t>(axis)];
    if (constant) {
      Literal literal = importer.literal(node, i, "input");
      check_same_elem(reference, literal);
      if (importer.has_batch(reference) && literal.dims[0] != 1) unsupported("a constant for each sample of a batch");
      if (literal.quant && literal.quant->per_channel())
        literal = float_literal(literal.name, literal.dims, reals(literal));
      std::vector<std::int64_t> perm;
      Shape stored;
      for (int d : order) {
        stored.push_back(d < 0 ? 1 : literal.dims[static_cast<std::size_t>(d)]);
        if (d >= 0) perm.push_back(d);
      }
      if (importer.has_batch(reference)) perm.insert(perm.begin(), 0);
      inputs.push_back(importer.constant(with_dims(permuted(literal, perm), stored)));
    } else {
      const Activation& x = importer.activation(node, i);
      if (x.elem != reference.elem) {
        fail("input '{}' holds {}; expected {}, as the first", node.input(i), elem_name(x.elem),
             elem_name(reference.elem));
      }
      if (importer.has_batch(x) != importer.has_batch(reference))
        unsupported("joins along the batch; run the model once per sample");
      inputs.push_back(importer.in_order(node.name(), x, order).id);
    }
  }
  const ValueId id = importer.add(node, Concat{lead.stored(axis)}, inputs);
  importer.set(node, 0, Activation{id, lead.layout(dims), reference.elem, {}});
}

void pad(Importer& importer, const NodeView& node) {
  const Activation& given = importer.real_activation(node, 0);
  if (const auto mode = node.text("mode", "constant"); mode != "constant") {
    unsupported("mode '{}'; expected 'constant'", mode);
  }
  std::vector<std::int64_t> pads;
  std::vector<std::int64_t> axes(given.dims().size());
  std::iota(axes.begin(), axes.end(), 0);
  float value = 0;
  if (importer.opset() < 11) {
    pads = node.integers("pads").value_or(std::vector<std::int64_t>{});
    value = node.real("value", 0);
  } else {
    pads = importer.integer_list(node, 1, "pads");
    if (node.has_input(2)) {
      const Literal& literal = importer.literal(node, 2, "value");
      check_same_elem(given, literal);
      if (literal.count() != 1) fail("value '{}' has {} elements; expected 1", literal.name, literal.count());
      value = reals(literal)[0];
    }
    if (node.has_input(3)) axes = importer.integer_list(node, 3, "axes");
  }
  if (pads.size() != 2 * axes.size()) fail("pads has {} entries; expected {}", pads.size(), 2 * axes.size());

  const Ordered in = ordered(importer, node, given);
  const std::size_t rank = in.order.size();
  Pad op{std::vector<std::int64_t>(rank, 0), std::vector<std::int64_t>(rank, 0), value};
  Shape dims = given.dims();
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t before = pads[i], after = pads[i + axes.size()];
    const int d = checked_axis(axes[i], given.rank());
    if (before == 0 && after == 0) continue;
    if (before < 0 || after < 0) unsupported("negative padding; use Slice");
    if (before > kMaxElements || after > kMaxElements) fail("pads {} and {} are too large", before, after);
    const int stored = in.stored(d);
    if (stored < 0) unsupported("pads the batch; pad single samples only");
    op.before[static_cast<std::size_t>(stored)] = before;
    op.after[static_cast<std::size_t>(stored)] = after;
    dims[static_cast<std::size_t>(d)] += before + after;
  }
  if (dims == given.dims()) return importer.set(node, 0, given);
  const ValueId id = importer.add(node, op, {in.x.id});
  importer.set(node, 0, Activation{id, in.layout(dims), given.elem, {}});
}

void set_slice(Importer& importer, const NodeView& node, int output, const Ordered& in,
               const std::vector<SliceRange>& ranges) {
  Slice op;
  Shape dims = in.x.dims();
  for (int d : in.order) {
    const SliceRange range = d < 0 ? SliceRange{0, 1, 1} : ranges[static_cast<std::size_t>(d)];
    if (range.stride < 0) unsupported("slices backwards (step {}); expected a positive step", range.stride);
    if (range.count == 0) fail("takes nothing of dimension {}; expected one element or more", d);
    op.begin.push_back(range.begin);
    op.end.push_back(range.begin + (range.count - 1) * range.stride + 1);
    op.stride.push_back(range.stride);
  }
  for (std::size_t d = 0; d < dims.size(); ++d) {
    if (in.stored(static_cast<int>(d)) < 0 && ranges[d].count != dims[d]) {
      unsupported("takes some samples of the batch; run the model once per sample");
    }
    dims[d] = ranges[d].count;
  }
  const ValueId id = importer.add(node, op, {in.x.id}, output);
  importer.set(node, output, Activation{id, in.layout(dims), in.x.elem, {}});
}

void slice(Importer& importer, const NodeView& node) {
  const Activation& given = importer.activation(node, 0);
  std::vector<std::int64_t> starts, ends;
  std::optional<std::vector<std::int64_t>> axes, steps;
  if (importer.opset() < 10) {
    starts = node.integers("starts").value_or(std::vector<std::int64_t>{});
    ends = node.integers("ends").value_or(std::vector<std::int64_t>{});
    axes = node.integers("axes");
  } else {
    starts = importer.integer_list(node, 1, "starts");
    ends = importer.integer_list(node, 2, "ends");
    if (node.has_input(3)) axes = importer.integer_list(node, 3, "axes");
    if (node.has_input(4)) steps = importer.integer_list(node, 4, "steps");
  }
  const auto ranges = slice_ranges(given.dims(), starts, ends, axes, steps);
  set_slice(importer, node, 0, ordered(importer, node, given), ranges);
}

void split(Importer& importer, const NodeView& node) {
  const Activation& given = importer.activation(node, 0);
  const int axis = checked_axis(node.integer("axis", 0), given.rank());
  const std::int64_t size = given.dims()[static_cast<std::size_t>(axis)];
  const int outputs = node.output_count();
  std::optional<std::vector<std::int64_t>> parts;
  if (importer.opset() < 13) {
    parts = node.integers("split");
  } else if (node.has_input(1)) {
    parts = importer.integer_list(node, 1, "split");
  }
  if (const std::int64_t stated = node.integer("num_outputs", outputs); stated != outputs) {
    fail("num_outputs is {}; expected {}, the outputs it has", stated, outputs);
  }
  if (!parts) {
    // Equal parts, the last one smaller when it does not divide.
    const std::int64_t part = (size + outputs - 1) / outputs;
    parts.emplace(static_cast<std::size_t>(outputs), part);
    parts->back() = size - part * (outputs - 1);
  }
  if (static_cast<int>(parts->size()) != outputs) fail("split has {} parts; expected {}", parts->size(), outputs);
  const Ordered in = ordered(importer, node, given);
  std::vector<SliceRange> ranges;
  for (std::int64_t d : given.dims()) ranges.push_back({0, 1, d});
  std::int64_t begin = 0;
  for (int i = 0; i < outputs; ++i) {
    const std::int64_t part = (*parts)[static_cast<std::size_t>(i)];
    if (part <= 0 || part > size - begin) fail("split part {} is {}; {} elements are left", i, part, size - begin);
    ranges[static_cast<std::size_t>(axis)] = {begin, 1, part};
    if (node.has_output(i)) set_slice(importer, node, i, in, ranges);
    begin += part;
  }
  if (begin != size) fail("split parts make {}; expected {}", begin, size);
}

void reduce_mean(Importer& importer, const NodeView& node) {
  const Activation& given = importer.real_activation(node, 0);
  std::optional<std::vector<std::int64_t>> axes;
  if (importer.opset() < 18) {
    axes = node.integers("axes");
  } else if (node.has_input(1)) {
    axes = importer.integer_list(node, 1, "axes");
  }
  const bool keep = node.integer("keepdims", 1) != 0;
  if ((!axes || axes->empty()) && node.integer("noop_with_empty_axes", 0) != 0) return importer.set(node, 0, given);
  std::vector<bool> reduced(given.dims().size(), !axes || axes->empty());
  if (axes) {
    for (std::int64_t axis : *axes) reduced[static_cast<std::size_t>(checked_axis(axis, given.rank()))] = true;
  }
  if (reduced[0] && importer.batch() > 1) unsupported("works across the batch; export with a free batch");

  const Ordered in = ordered(importer, node, given);
  Mean op{{}, keep};
  Shape dims;
  std::vector<int> renamed(given.dims().size(), -1);
  for (int d = 0; d < given.rank(); ++d) {
    const auto i = static_cast<std::size_t>(d);
    if (reduced[i] && in.stored(d) >= 0) op.axes.push_back(in.stored(d));
    if (reduced[i] && !keep) continue;
    renamed[i] = static_cast<int>(dims.size());
    dims.push_back(reduced[i] ? 1 : given.dims()[i]);
  }
  std::sort(op.axes.begin(), op.axes.end());
  std::vector<int> stored;
  for (int d : in.order) {
    if (d >= 0 && renamed[static_cast<std::size_t>(d)] >= 0) stored.push_back(renamed[static_cast<std::size_t>(d)]);
  }
  Layout layout = stored_in_order(dims, stored);
  if (op.axes.empty()) return importer.set(node, 0, importer.relabelled(node, in.x, std::move(layout)));
  importer.set(node, 0, Activation{importer.add(node, op, {in.x.id}), std::move(layout), given.elem, {}});
}

constexpr ConverterEntry kSelectionConverters[] = {
    {"Concat", concat}, {"Pad", pad}, {"Slice", slice}, {"Split", split}, {"ReduceMean", reduce_mean},
};

}  // namespace

std::vector<SliceRange> slice_ranges(const Shape& from, std::span<const std::int64_t> starts,
                                     std::span<const std::int64_t> ends,
                                     const std::optional<std::vector<std::int64_t>>& axes,
                                     const std::optional<std::vector<std::int64_t>>& steps) {
  const std::size_t n = starts.size();
  if (ends.size() != n || (axes && axes->size() != n) || (steps && steps->size() != n) || n > from.size()) {
    fail("starts, ends, axes and steps have different lengths, or more than the {} dimensions of the input",
         from.size());
  }
  std::vector<SliceRange> ranges;
  for (std::int64_t size : from) ranges.push_back({0, 1, size});
  for (std::size_t i = 0; i < n; ++i) {
    const int axis = axes ? checked_axis((*axes)[i], static_cast<int>(from.size())) : static_cast<int>(i);
    const std::int64_t size = from[static_cast<std::size_t>(axis)];
    const std::int64_t step = steps ? (*steps)[i] : 1;
    if (step == 0 || step > kMaxElements || step < -kMaxElements) fail("step {} of dimension {}", step, axis);
    const auto from_end = [&](std::int64_t index) { return index < 0 ? (index < -size ? -1 : index + size) : index; };
    SliceRange& range = ranges[static_cast<std::size_t>(axis)];
    range.stride = step;
    if (step > 0) {
      range.begin = std::clamp<std::int64_t>(starts[i] < 0 && starts[i] < -size ? 0 : from_end(starts[i]), 0, size);
      const std::int64_t end = std::clamp<std::int64_t>(from_end(ends[i]), 0, size);
      range.count = end > range.begin ? (end - range.begin - 1) / step + 1 : 0;
    } else {
      range.begin = std::clamp<std::int64_t>(from_end(starts[i]), 0, size - 1);
      const std::int64_t end = std::clamp<std::int64_t>(from_end(ends[i]), -1, size - 1);
      range.count = end < range.begin ? (range.begin - end - 1) / -step + 1 : 0;
    }
  }
  return ranges;
}

std::span<const ConverterEntry> selection_converters() { return kSelectionConverters; }

}  // namespace mj::onnx
