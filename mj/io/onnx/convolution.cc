// SPDX-License-Identifier: Apache-2.0
// Operators that slide a window over an image {N,C,H,W} or a signal {N,C,L}.
#include <algorithm>
#include <array>

#include "mj/base/error.h"
#include "mj/io/onnx/importer.h"

namespace mj::onnx {
namespace {

/// The window attributes that convolutions and pools share, in the order of the stored dimensions.
struct Window {
  Pair kernel, stride, dilation;
  Padding pad;
};

std::vector<std::int64_t> window_list(const NodeView& node, const char* attribute, std::size_t size,
                                      std::int64_t otherwise) {
  auto list = node.integers(attribute).value_or(std::vector<std::int64_t>(size, otherwise));
  if (list.size() != size) fail("attribute '{}' has {} entries; expected {}", attribute, list.size(), size);
  for (std::int64_t entry : list) {
    if (entry > kMaxElements || entry < -kMaxElements) {
      fail("attribute '{}' holds {}; expected at most {}", attribute, entry, kMaxElements);
    }
  }
  return list;
}

Window window(const NodeView& node, const Image& image, const Shape& stored, const std::vector<std::int64_t>& kernel) {
  const auto n = static_cast<std::size_t>(image.spatial);
  Window result;
  result.kernel = image.pair(kernel, 1);
  result.stride = image.pair(window_list(node, "strides", n, 1), 1);
  result.dilation = image.pair(window_list(node, "dilations", n, 1), 1);
  for (int d = 0; d < 2; ++d) {
    if (result.kernel[d] < 1 || result.stride[d] < 1 || result.dilation[d] < 1) {
      fail("kernel {}, stride {}, dilation {}; expected 1 or more", result.kernel[d], result.stride[d],
           result.dilation[d]);
    }
  }

  const std::string mode = node.text("auto_pad", "NOTSET");
  const auto pads = window_list(node, "pads", 2 * n, 0);
  const Pair begin = image.pair({pads.begin(), pads.begin() + image.spatial}, 0);
  const Pair end = image.pair({pads.begin() + image.spatial, pads.end()}, 0);
  if (mode == "NOTSET" || mode.empty()) {
    result.pad = {begin[0], begin[1], end[0], end[1]};
    for (std::int64_t p : result.pad) {
      if (p < 0) unsupported("negative padding {}; slice the input instead", p);
    }
  } else if (mode == "VALID") {
    result.pad = {0, 0, 0, 0};
  } else if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    for (std::size_t d = 0; d < 2; ++d) {
      const std::int64_t size = stored[d];
      const std::int64_t outputs = (size - 1) / result.stride[d] + 1;
      const std::int64_t extent = (result.kernel[d] - 1) * result.dilation[d] + 1;
      const std::int64_t total = std::max<std::int64_t>((outputs - 1) * result.stride[d] + extent - size, 0);
      // An odd element goes to the end (UPPER) or the beginning (LOWER).
      const std::int64_t before = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
      result.pad[d] = before;
      result.pad[d + 2] = total - before;
    }
  } else {
    fail("auto_pad is '{}'; expected NOTSET, VALID, SAME_UPPER or SAME_LOWER", mode);
  }
  return result;
}

/// Rounding the number of windows up is padding at the end by what the last one sticks out; a last window that
/// would begin behind the input is dropped (ONNX 1.16, PyTorch).
bool pad_for_ceil(Window& window, const Shape& stored) {
  bool padded = false;
  for (std::size_t d = 0; d < 2; ++d) {
    const std::int64_t size = stored[d] + window.pad[d] + window.pad[d + 2];
    const std::int64_t kernel = window.kernel[d];
    if (kernel > size) continue;  // the shape check says so
    std::int64_t outputs = (size - kernel + window.stride[d] - 1) / window.stride[d] + 1;
    if ((outputs - 1) * window.stride[d] >= stored[d] + window.pad[d]) --outputs;
    const std::int64_t extra = (outputs - 1) * window.stride[d] + kernel - size;
    if (extra <= 0) continue;
    window.pad[d + 2] += extra;
    padded = true;
  }
  return padded;
}

Activation image_result(Importer& importer, const Image& image, ValueId id) {
  return {id, image.layout(importer.batch(), importer.graph.type(id).shape), image.x.elem, {}};
}

void conv(Importer& importer, const NodeView& node) {
  const Activation& x = importer.real_activation(node, 0);
  const Literal& given = importer.literal(node, 1, "weight");
  check_same_elem(x, given);
  const Image image = as_image(importer, node, x);
  const auto n = static_cast<std::size_t>(image.spatial);
  if (given.dims.size() != n + 2) {
    fail("weight '{}' has shape {}; expected {} dimensions, as the input", given.name, shape_text(given.dims), n + 2);
  }
  const Shape kernel(given.dims.begin() + 2, given.dims.end());
  if (auto stated = node.integers("kernel_shape"); stated && *stated != kernel) {
    fail("kernel_shape {} contradicts weight '{}' of shape {}", shape_text(*stated), given.name,
         shape_text(given.dims));
  }
  const Window w = window(node, image, importer.graph.type(image.x.id).shape, kernel);

  Literal weight = given;
  if (weight.quant && weight.quant->per_channel() && weight.quant->axis != 0) {
    weight = float_literal(given.name, given.dims, reals(given));
  }
  if (n == 1) weight = with_dims(weight, {weight.dims[0], weight.dims[1], 1, weight.dims[2]}, 0);
  const std::array<std::int64_t, 4> upright{0, 2, 3, 1}, swapped{0, 3, 2, 1};
  weight = permuted(weight, image.swapped ? swapped : upright);

  std::vector<ValueId> inputs{image.x.id, importer.weight(weight)};
  if (node.has_input(2)) {
    const Literal& bias = importer.literal(node, 2, "bias");
    check_same_elem(x, bias);
    inputs.push_back(importer.real_constant(bias));
  }
  const Conv2d op{w.stride, w.dilation, w.pad, node.integer("group", 1), {}};
  importer.set(node, 0, image_result(importer, image, importer.add(node, op, inputs)));
}

void pool(Importer& importer, const NodeView& node) {
  const Image image = as_image(importer, node, importer.real_activation(node, 0));
  const auto n = static_cast<std::size_t>(image.spatial);
  if (!node.has("kernel_shape")) fail("has no kernel_shape; expected {} numbers", n);
  const Shape stored = importer.graph.type(image.x.id).shape;
  Window w = window(node, image, stored, window_list(node, "kernel_shape", n, 1));
  if (w.dilation != Pair{1, 1}) unsupported("dilation {}x{}; expected 1", w.dilation[0], w.dilation[1]);
  if (node.text("auto_pad", "NOTSET") == "NOTSET" && node.integer("ceil_mode", 0) != 0 && pad_for_ceil(w, stored) &&
      node.integer("count_include_pad", 0) != 0) {
    unsupported("ceil_mode with count_include_pad; export with ceil_mode=False");
  }
  node.ignore("ceil_mode");  // without effect on auto_pad
  Op op;
  if (node.op() == "MaxPool") {
    node.ignore("storage_order");  // only the order of indices, which are refused
    if (node.has_output(1)) unsupported("indices of the maxima; export without return_indices");
    op = MaxPool{w.kernel, w.stride, w.pad, {}};
  } else {
    op = AvgPool{w.kernel, w.stride, w.pad, node.integer("count_include_pad", 0) != 0, {}};
  }
  importer.set(node, 0, image_result(importer, image, importer.add(node, op, {image.x.id})));
}

void global_average_pool(Importer& importer, const NodeView& node) {
  const Image image = as_image(importer, node, importer.real_activation(node, 0));
  const ValueId id = importer.add(node, Mean{{0, 1}, false}, {image.x.id});
  Shape dims(image.x.dims().size(), 1);
  dims[0] = importer.batch();
  dims[1] = image.x.dims()[1];
  const std::array<int, 1> order{1};
  importer.set(node, 0, Activation{id, stored_in_order(dims, order), image.x.elem, {}});
}

void global_max_pool(Importer& importer, const NodeView& node) {
  const Image image = as_image(importer, node, importer.real_activation(node, 0));
  const Shape& stored = importer.graph.type(image.x.id).shape;
  const Pair whole{stored[0], stored[1]};
  importer.set(
      node, 0,
      image_result(importer, image, importer.add(node, MaxPool{whole, whole, {0, 0, 0, 0}, {}}, {image.x.id})));
}

constexpr ConverterEntry kConvolutionConverters[] = {
    {"Conv", conv},
    {"MaxPool", pool},
    {"AveragePool", pool},
    {"GlobalAveragePool", global_average_pool},
    {"GlobalMaxPool", global_max_pool},
};

}  // namespace

Pair Image::pair(const std::vector<std::int64_t>& values, std::int64_t missing) const {
  if (values.size() == 1) return {missing, values[0]};
  return swapped ? Pair{values[1], values[0]} : Pair{values[0], values[1]};
}

Layout Image::layout(std::int64_t batch, const Shape& stored) const {
  if (spatial == 1) return stored_in_order({batch, stored[2], stored[1]}, std::array{2, 1});
  if (swapped) return stored_in_order({batch, stored[2], stored[1], stored[0]}, std::array{3, 2, 1});
  return stored_in_order({batch, stored[2], stored[0], stored[1]}, std::array{2, 3, 1});
}

Image as_image(Importer& importer, const NodeView& node, const Activation& x) {
  if (x.rank() != 3 && x.rank() != 4) {
    unsupported("input has {} dimensions; expected 3 (N,C,L) or 4 (N,C,H,W)", x.rank());
  }
  if (!importer.has_batch(x)) unsupported("dimension 0 of the input has size {}; expected the batch", x.dims()[0]);
  if (x.rank() == 3) return {importer.in_order(node.name(), x, {-1, 2, 1}), 1, false};
  const auto moves = [&](int rows, int columns) {
    const auto& axes = x.layout.axes;
    const Groups groups{axes[static_cast<std::size_t>(rows)], axes[static_cast<std::size_t>(columns)], axes[1]};
    return !importer.plan(x, groups).none();
  };
  const bool swapped = moves(2, 3) && !moves(3, 2);
  return {importer.in_order(node.name(), x, swapped ? std::vector{3, 2, 1} : std::vector{2, 3, 1}), 2, swapped};
}

std::span<const ConverterEntry> convolution_converters() { return kConvolutionConverters; }

}  // namespace mj::onnx
