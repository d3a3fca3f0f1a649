// SPDX-License-Identifier: Apache-2.0

// Operators that move elements without computing: concat, reshape, transpose, pad, slice.
#include <algorithm>
#include <cstring>

#include "mj/base/error.h"
#include "mj/ir/evaluate_step.h"
#include "mj/ir/strided.h"

namespace mj::detail {
namespace {

void check_same_quantization(const NodeContext& context) {
  for (std::size_t i = 0; i < context.input_count(); ++i) {
    if (context.input(i).dtype != context.output().dtype || context.input(i).quant != context.output().quant) {
      fail("input {} is quantised differently from the output; expected the same, for elements are only moved", i);
    }
  }
}

/// Elements of `shape` from one place to another.
class Copy {
 public:
  Copy(const Shape& shape, Strides from, std::int64_t from_offset, Strides to, std::int64_t to_offset, DType dtype)
      : walk_(shape, {std::move(from), std::move(to)}),
        from_offset_(from_offset),
        to_offset_(to_offset),
        size_(static_cast<std::size_t>(byte_size(dtype))) {}

  void operator()(std::span<const std::byte> from, std::span<std::byte> to) const {
    const auto strides = walk_.row_strides();  // clang 14 captures no structured bindings
    const auto from_stride = strides[0], to_stride = strides[1];
    const auto length = static_cast<std::size_t>(walk_.row_length());
    walk_([&](const Offsets<2>& offsets) {
      const std::byte* source = from.data() + static_cast<std::size_t>(from_offset_ + offsets[0]) * size_;
      std::byte* target = to.data() + static_cast<std::size_t>(to_offset_ + offsets[1]) * size_;
      if (from_stride == 1 && to_stride == 1) {
        std::memcpy(target, source, length * size_);
        return;
      }
      for (std::size_t i = 0; i < length; ++i) {
        std::memcpy(target, source, size_);
        source += static_cast<std::size_t>(from_stride) * size_;
        target += static_cast<std::size_t>(to_stride) * size_;
      }
    });
  }

 private:
  RowWalk<2> walk_;
  std::int64_t from_offset_;
  std::int64_t to_offset_;
  std::size_t size_;
};

Step copying(Copy copy) {
  return [copy = std::move(copy)](std::span<const View> inputs, Tensor& output) { copy(inputs[0].data, output.data); };
}

}  // namespace

Step prepare(const Concat& op, const NodeContext& context) {
  check_same_quantization(context);
  const auto axis = static_cast<std::size_t>(op.axis);
  const Strides to = row_major(context.output().shape);
  std::vector<Copy> copies;
  std::int64_t position = 0;
  for (std::size_t i = 0; i < context.input_count(); ++i) {
    const Shape& shape = context.input(i).shape;
    copies.emplace_back(shape, row_major(shape), 0, to, position * to[axis], context.output().dtype);
    position += shape[axis];
  }
  return [copies = std::move(copies)](std::span<const View> inputs, Tensor& output) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      copies[i](inputs[i].data, output.data);
    }
  };
}

Step prepare(const Reshape&, const NodeContext& context) {
  check_same_quantization(context);
  return [](std::span<const View> inputs, Tensor& output) { std::ranges::copy(inputs[0].data, output.data.begin()); };
}

Step prepare(const Transpose& op, const NodeContext& context) {
  check_same_quantization(context);
  const Strides own = row_major(context.input(0).shape);
  Strides from;
  for (const std::int64_t dimension : op.perm) {
    from.push_back(own[static_cast<std::size_t>(dimension)]);
  }
  const Type& y = context.output();
  return copying(Copy(y.shape, std::move(from), 0, row_major(y.shape), 0, y.dtype));
}

Step prepare(const Slice& op, const NodeContext& context) {
  check_same_quantization(context);
  Strides from = row_major(context.input(0).shape);
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    offset += op.begin[i] * from[i];
    from[i] *= op.stride[i];
  }
  const Type& y = context.output();
  return copying(Copy(y.shape, std::move(from), offset, row_major(y.shape), 0, y.dtype));
}

Step prepare(const Pad& op, const NodeContext& context) {
  check_same_quantization(context);
  const Type& x = context.input(0);
  const Type& y = context.output();
  const Strides to = row_major(y.shape);
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < to.size(); ++i) {
    offset += op.before[i] * to[i];
  }
  // The padding as stored, its quantisation that of the output.
  std::vector<std::byte> border = quantize(std::span(&op.value, 1), Type{y.dtype, {1}, y.quant}).data;
  return [copy = Copy(x.shape, row_major(x.shape), 0, to, offset, y.dtype), border = std::move(border)](
             std::span<const View> inputs, Tensor& output) {
    for (std::size_t i = 0; i < output.data.size(); i += border.size()) {
      std::memcpy(&output.data[i], border.data(), border.size());
    }
    copy(inputs[0].data, output.data);
  };
}

}  // namespace mj::detail
