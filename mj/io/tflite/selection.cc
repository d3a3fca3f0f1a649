// SPDX-License-Identifier: Apache-2.0
// Operators that take parts: slice, strided slice, split.
#include <algorithm>

#include "mj/base/error.h"
#include "mj/io/tflite/importer.h"

namespace mj::tflite {
namespace {

void slice(Importer& importer, const OperatorView& op) {
  op.expect(3, 3);
  const Activation& x = importer.activation(op, 0);
  const std::size_t rank = x.dims.size();
  const auto begin = importer.integers(op, 1, "begins").values;
  const auto size = importer.integers(op, 2, "sizes").values;
  if (begin.size() != rank || size.size() != rank) {
    fail("has {} begins and {} sizes; expected {}, one per dimension of the input", begin.size(), size.size(), rank);
  }
  Shape end(rank), dims(rank);
  for (std::size_t d = 0; d < rank; ++d) {
    const bool inside =
        begin[d] >= 0 && begin[d] < x.dims[d] && (size[d] == -1 || (size[d] > 0 && size[d] <= x.dims[d] - begin[d]));
    if (!inside)
      fail("dimension {} of size {} is sliced from {}, {} long; expected a part of it", d, x.dims[d], begin[d],
           size[d]);
    dims[d] = size[d] == -1 ? x.dims[d] - begin[d] : size[d];
    end[d] = begin[d] + dims[d];
  }
  importer.set(op, 0, sliced(importer, op, x, begin, end, Shape(rank, 1)), dims);
}

bool bit(std::int32_t mask, std::size_t i) { return (mask >> i & 1) != 0; }

void strided_slice(Importer& importer, const OperatorView& op) {
  op.expect(4, 4);
  const Activation& x = importer.activation(op, 0);
  const auto& options = op.options<mj_tflite::StridedSliceOptions>();
  if (options.ellipsis_mask() != 0 || options.new_axis_mask() != 0) {
    unsupported("its ellipsis or new axis is not available; convert with one begin and end for every dimension");
  }
  const auto begins = importer.integers(op, 1, "begins").values;
  const auto ends = importer.integers(op, 2, "ends").values;
  const auto strides = importer.integers(op, 3, "strides").values;
  const std::size_t rank = x.dims.size();
  if (begins.size() > rank || ends.size() != begins.size() || strides.size() != begins.size()) {
    fail("has {} begins, {} ends and {} strides; expected as many, at most {}", begins.size(), ends.size(),
         strides.size(), rank);
  }
  Shape begin(rank, 0), end = x.dims, stride(rank, 1), dims;
  for (std::size_t d = 0; d < rank; ++d) {
    const std::int64_t size = x.dims[d];
    const bool shrinks = d < begins.size() && bit(options.shrink_axis_mask(), d);
    if (d < begins.size()) {
      const auto inside = [&](std::int64_t place) {
        return std::clamp<std::int64_t>(place < 0 ? place + size : place, 0, size);
      };
      const auto within = [](std::int64_t number) { return number >= -kMaxElements - 1 && number <= kMaxElements; };
      if (!within(begins[d]) || !within(ends[d])) {
        fail("dimension {} is sliced from {} to {}; expected 32-bit numbers", d, begins[d], ends[d]);
      }
      if (strides[d] == 0) fail("stride of dimension {} is 0; expected 1 or more", d);
      if (strides[d] < 0) unsupported("its stride of dimension {} is {}; convert without reversing", d, strides[d]);
      if (strides[d] > kMaxElements)
        fail("stride of dimension {} is {}; expected at most {}", d, strides[d], kMaxElements);
      stride[d] = strides[d];
      begin[d] = bit(options.begin_mask(), d) && !shrinks ? 0 : inside(begins[d]);
      if (shrinks) {
        end[d] = begin[d] + 1;
      } else if (!bit(options.end_mask(), d)) {
        end[d] = options.offset() ? inside(begin[d] + std::max<std::int64_t>(ends[d], 0)) : inside(ends[d]);
      }
      if (begin[d] >= end[d] || end[d] > size) {
        fail("dimension {} of size {} is sliced from {} to {}; expected a part of it", d, size, begin[d], end[d]);
      }
    }
    if (!shrinks) dims.push_back((end[d] - begin[d] - 1) / stride[d] + 1);
  }
  importer.set(op, 0, sliced(importer, op, x, begin, end, stride), dims);
}

/// One slice per output, `sizes` long.
void split_into(Importer& importer, const OperatorView& op, const Activation& x, std::size_t axis,
                const std::vector<std::int64_t>& sizes) {
  Shape begin(x.dims.size(), 0), end = x.dims;
  end[axis] = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    begin[axis] = end[axis];
    end[axis] += sizes[i];
    Shape dims = x.dims;
    dims[axis] = sizes[i];
    importer.set(op, static_cast<int>(i), sliced(importer, op, x, begin, end, Shape(x.dims.size(), 1)), dims);
  }
}

void split(Importer& importer, const OperatorView& op) {
  const int parts = op.output_count();
  op.expect(2, 2, parts);
  const Activation& x = importer.activation(op, 1);
  const std::size_t axis = checked_axis(importer.integer(op, 0, "axes"), x.dims.size());
  const auto& options = op.options<mj_tflite::SplitOptions>();
  if (options.num_splits() != parts)
    fail("has {} outputs and num_splits {}; expected as many", parts, options.num_splits());
  if (x.dims[axis] % parts != 0)
    fail("dimension {} of size {} is split into {} parts; expected a divisor", axis, x.dims[axis], parts);
  split_into(importer, op, x, axis, std::vector<std::int64_t>(static_cast<std::size_t>(parts), x.dims[axis] / parts));
}

void split_v(Importer& importer, const OperatorView& op) {
  const int parts = op.output_count();
  op.expect(3, 3, parts);
  const Activation& x = importer.activation(op, 0);
  std::vector<std::int64_t> sizes = importer.integers(op, 1, "sizes").values;
  const std::size_t axis = checked_axis(importer.integer(op, 2, "axes"), x.dims.size());
  if (static_cast<int>(sizes.size()) != parts)
    fail("has {} outputs and {} sizes; expected as many", parts, sizes.size());
  std::int64_t rest = x.dims[axis];
  for (const std::int64_t size : sizes) {
    if (size != -1) rest -= std::clamp<std::int64_t>(size, 0, kMaxElements);
  }
  const auto open = std::ranges::count(sizes, -1);
  std::ranges::replace(sizes, -1, rest);
  if (open > 1 || (open == 0 && rest != 0) || std::ranges::any_of(sizes, [](std::int64_t s) { return s < 1; })) {
    fail("dimension {} of size {} is split into parts that do not add up to it", axis, x.dims[axis]);
  }
  split_into(importer, op, x, axis, sizes);
}

constexpr ConverterEntry kSelectionConverters[] = {
    {BuiltinOperator::SLICE, slice},
    {BuiltinOperator::STRIDED_SLICE, strided_slice},
    {BuiltinOperator::SPLIT, split},
    {BuiltinOperator::SPLIT_V, split_v},
};

}  // namespace

ValueId sliced(Importer& importer, const OperatorView& op, const Activation& x, const Shape& begin, const Shape& end,
               const Shape& stride) {
  // A slice of the batch is all of it.
  const std::ptrdiff_t dropped = has_batch(x.dims) ? 1 : 0;
  const auto stored = [&](const Shape& entries) { return Shape(entries.begin() + dropped, entries.end()); };
  return importer.add(op, Slice{stored(begin), stored(end), stored(stride)}, {x.id});
}

std::span<const ConverterEntry> selection_converters() { return kSelectionConverters; }

}  // namespace mj::tflite
