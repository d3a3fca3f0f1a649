// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/tiles.h"

#include <algorithm>
#include <variant>

#include "mj/base/error.h"
#include "mj/ir/boxes.h"
#include "mj/ir/exits.h"
#include "mj/ir/int8.h"
#include "mj/ir/pieces.h"

namespace mj {
namespace {

std::int64_t outermost(const Shape& shape) { return Box{.shape = shape}.rows(); }

std::int64_t pieces(std::int64_t extent, std::int64_t step) {
  return extent == 0 || step == 0 ? 1 : (extent + step - 1) / step;
}

const Node* node_at(const Graph& graph, std::int32_t index) {
  const auto i = static_cast<std::size_t>(index);
  MJ_CHECK(index <= decision_index(graph));
  return i >= graph.nodes.size() ? nullptr : &graph.nodes[i];
}

bool is_decision(const Graph& graph, std::int32_t index) { return index == decision_index(graph); }

bool lies_where_its_input_does(const Graph& graph, const Node& node) {
  MJ_CHECK(graph.plan.has_value());
  const auto& buffers = graph.plan->buffers;
  const auto in = std::ranges::find(buffers, node.inputs[0], &Buffer::value);
  const auto out = std::ranges::find(buffers, node.output, &Buffer::value);
  return in != buffers.end() && out != buffers.end() && in->offset == out->offset;
}

/// The kernel calls of every operator.
struct Calls {
  const Graph& graph;
  const Node& node;

  const Shape& input(std::size_t i) const { return graph.type(node.inputs[i]).shape; }
  const Shape& output() const { return graph.type(node.output).shape; }

  std::vector<Extent> operator()(const Conv2d&) const { return {{output()[0], output()[1], output()[2], 0}}; }
  std::vector<Extent> operator()(const Linear&) const {
    const std::int64_t outputs = output().back();
    return {{element_count(output()) / outputs, 0, outputs, input(0).back()}};
  }
  std::vector<Extent> operator()(const Softmax&) const {
    return {{element_count(output()) / output().back()}};
  }
  std::vector<Extent> operator()(const MaxPool&) const { return {{output()[0], output()[1], output()[2], 0}}; }
  std::vector<Extent> operator()(const AvgPool&) const {
    if (pool_requantizes(graph.type(node.inputs[0]), graph.type(node.output))) {
      return {{output()[0]}};
    }
    return {{output()[0], output()[1], output()[2], 0}};
  }
  std::vector<Extent> operator()(const Mean& op) const {
    // The kernel's outer loop over outputs: kept dimensions with reduced ones between them stay apart.
    std::int64_t rows = 1;
    bool any = false;
    for (std::size_t d = 0; d < input(0).size(); ++d) {
      if (input(0)[d] == 1) continue;
      const bool reduced = std::ranges::count(op.axes, static_cast<std::int64_t>(d)) != 0;
      if (reduced && any) break;
      if (!reduced) rows *= input(0)[d], any = true;
    }
    return {{rows}};
  }
  std::vector<Extent> operator()(const Reshape&) const {
    return lies_where_its_input_does(graph, node) ? std::vector<Extent>{} : of_boxes();
  }
  std::vector<Extent> operator()(const Concat&) const { return of_boxes(); }
  std::vector<Extent> operator()(const Transpose&) const { return of_boxes(); }
  std::vector<Extent> operator()(const Pad&) const { return of_boxes(); }
  std::vector<Extent> operator()(const Slice&) const { return of_boxes(); }
  template <class Elementwise>
  std::vector<Extent> operator()(const Elementwise&) const {
    return {{outermost(output())}};
  }

 private:
  std::vector<Extent> of_boxes() const {
    if (copies_by_rows(graph, node)) return {{row_boxes(graph, node).rows}};
    std::vector<Extent> out;
    for (const Box& box : boxes(graph, node)) out.push_back({box.rows()});
    return out;
  }
};

/// Rows first..last-1 of something contiguous, `row` bytes each.
Region rows_of(ValueId value, std::int64_t first, std::int64_t last, Bytes row) {
  return {.index = value, .begin = first * row, .run = (last - first) * row};
}

/// The reads and writes of one tile, for every operator.
class Tracer {
 public:
  Tracer(const Graph& graph, const Node& node, const Tiling& tiling, const Extent& extent, const Tile& tile)
      : graph_(graph), node_(node), tiling_(tiling), extent_(extent), tile_(tile) {}

  void operator()(const Conv2d& op) {
    const Shape& weight = shape(1);
    read_window(op.stride[0], op.pad[0], op.dilation[0] * (weight[1] - 1) + 1);
    write_tile();
  }
  void operator()(const MaxPool& op) { pool(op); }
  void operator()(const AvgPool& op) {
    if (!pool_requantizes(graph_.type(node_.inputs[0]), graph_.type(node_.output))) return pool(op);
    read_window(op.stride[0], 0, op.kernel[0]);
    write_rows();
  }

  void operator()(const Linear&) {
    const std::int64_t features = shape(0).back();
    const bool split = tiling_.depth != 0 && tiling_.depth < extent_.depth;
    Region x = rows_of(node_.inputs[0], tile_.row0, tile_.row1, features);
    if (!split) {
      read(x);
      return write_tile();
    }
    x.begin = tile_.row0 * features + tile_.depth0;
    x.run = tile_.depth1 - tile_.depth0;
    x.count[0] = tile_.row1 - tile_.row0;
    x.step[0] = features;
    read(x);
    const std::int64_t piece = tile_.depth0 / tiling_.depth;
    const Bytes sums = (tile_.row1 - tile_.row0) * (tile_.ch1 - tile_.ch0) * byte_size(DType::kI32);
    if (piece > 0) read({.place = Region::Place::kPartial, .index = static_cast<std::int32_t>((piece + 1) % 2), .run = sums});
    if (tile_.depth1 == extent_.depth) return write_tile();
    out.writes.push_back({.place = Region::Place::kPartial, .index = static_cast<std::int32_t>(piece % 2), .run = sums});
  }

  void operator()(const Mean&) {
    read_all(0);
    write_rows();
  }
  void operator()(const Concat&) { box(); }
  void operator()(const Reshape&) { box(); }
  void operator()(const Transpose&) { box(); }
  void operator()(const Pad&) { box(); }
  void operator()(const Slice&) { box(); }

  template <class Elementwise>
  void operator()(const Elementwise&) {
    for (std::size_t i = 0; i < node_.inputs.size(); ++i) {
      if (shape(i) == graph_.type(node_.output).shape) {
        read(rows_of(node_.inputs[i], tile_.row0, tile_.row1, graph_.type(node_.output).bytes() / extent_.rows));
      } else {
        read_all(i);
      }
    }
    write_rows();
  }

  Accesses out;

 private:
  const Shape& shape(std::size_t i) const { return graph_.type(node_.inputs[i]).shape; }

  /// Constants are not part of the state.
  void read(const Region& region) {
    const bool constant = region.place == Region::Place::kValue && graph_.value(region.index).constant();
    if (!constant && region.bytes() > 0) out.reads.push_back(region);
  }
  void read_all(std::size_t i) { read({.index = node_.inputs[i], .run = graph_.type(node_.inputs[i]).bytes()}); }

  void read_window(std::int64_t stride, std::int64_t pad, std::int64_t reach) {
    const Shape& in = shape(0);
    const std::int64_t first = std::clamp<std::int64_t>(tile_.row0 * stride - pad, 0, in[0]);
    const std::int64_t last = std::clamp<std::int64_t>((tile_.row1 - 1) * stride - pad + reach, first, in[0]);
    read(rows_of(node_.inputs[0], first, last, in[1] * in[2]));
  }

  template <class Pool>
  void pool(const Pool& op) {
    read_window(op.stride[0], op.pad[0], op.kernel[0]);
    write_tile();
  }

  void write_rows() {
    const Bytes row = graph_.type(node_.output).bytes() / extent_.rows;
    out.writes.push_back(rows_of(node_.output, tile_.row0, tile_.row1, row));
  }

  /// Rows x columns x channels of an output whose last dimension is the channels.
  void write_tile() {
    const std::int64_t channels = extent_.channels;
    const std::int64_t columns = std::max<std::int64_t>(extent_.columns, 1);
    const bool all_channels = tile_.ch1 - tile_.ch0 == channels;
    const std::int64_t col0 = extent_.columns == 0 ? 0 : tile_.col0, col1 = extent_.columns == 0 ? 1 : tile_.col1;
    if (all_channels && col1 - col0 == columns) return write_rows();
    Region region{.index = node_.output,
                  .begin = (tile_.row0 * columns + col0) * channels + tile_.ch0,
                  .run = tile_.ch1 - tile_.ch0,
                  .count = {tile_.row1 - tile_.row0, col1 - col0, 1, 1},
                  .step = {columns * channels, channels, 0, 0}};
    if (all_channels) {
      region.run = (col1 - col0) * channels;
      region.count[1] = 1;
    }
    out.writes.push_back(region);
  }

  void box() {
    if (copies_by_rows(graph_, node_)) return all_boxes();
    const std::vector<Box> all = boxes(graph_, node_);
    const Box& box = all[static_cast<std::size_t>(tiling_.part)];
    if (box.input && box.from == 0 && box.from_steps == row_major_steps(shape(*box.input))) {
      read(rows_of(node_.inputs[*box.input], tile_.row0, tile_.row1, element_count(box.shape) / extent_.rows));
    } else if (box.input) {
      read_all(*box.input);
    }
    out.writes.push_back(box_writes(box));
  }

  void all_boxes() {
    for (const RowBox& box : row_boxes(graph_, node_).boxes) {
      const std::int64_t first = std::max(tile_.row0 - box.first, std::int64_t{0});
      const std::int64_t last = std::min(tile_.row1 - box.first, box.size[0]);
      if (!box.input || first >= last) continue;
      const std::int64_t row = element_count(shape(*box.input)) / box.size[0];
      const bool contiguous = box.from == 0 && (box.size[0] == 1 || box.from_steps[0] == row);
      contiguous ? read(rows_of(node_.inputs[*box.input], first, last, row)) : read_all(*box.input);
    }
    write_rows();
  }

  Region box_writes(const Box& box) const {
    // Loops over dimensions of more than one element, merged where they are contiguous; the rows stay apart.
    std::vector<std::int64_t> size, step;
    for (std::size_t d = 0; d < box.shape.size(); ++d) {
      if (box.shape[d] == 1) continue;
      if (size.size() > 1 && step.back() == box.to_steps[d] * box.shape[d]) {
        size.back() *= box.shape[d];
        step.back() = box.to_steps[d];
      } else {
        size.push_back(box.shape[d]);
        step.push_back(box.to_steps[d]);
      }
    }
    Region region{.index = node_.output, .begin = box.to, .run = 1};
    if (size.size() > region.count.size()) {
      fail("needs {} nested loops over {}; the kernels have {}", size.size(), shape_text(box.shape), region.count.size());
    }
    for (std::size_t d = 0; d < size.size(); ++d) region.count[d] = size[d], region.step[d] = step[d];
    if (size.size() > 1) {
      region.begin += tile_.row0 * step[0];
      region.count[0] = tile_.row1 - tile_.row0;
    }
    // What is contiguous is one run.
    for (std::size_t d = size.size(); d-- > 0 && region.step[d] == region.run;) {
      region.run *= region.count[d];
      region.count[d] = 1;
    }
    return region;
  }

  const Graph& graph_;
  const Node& node_;
  const Tiling& tiling_;
  const Extent& extent_;
  const Tile& tile_;
};

}  // namespace

bool pool_requantizes(const Type& input, const Type& output) {
  if (input.dtype != DType::kI8 || output.dtype != DType::kI8) return false;
  return !same_affine(int8_affine(input, "input"), int8_affine(output, "output"));
}

bool copies_by_rows(const Graph& lowered, const Node& node) {
  const bool words = lowered.plan && lowered.plan->units && lowered.plan->units->word_bytes > 1;
  return words && boxes(lowered, node).size() > 1;
}

std::vector<Extent> extents(const Graph& lowered, std::int32_t index) {
  if (const Node* node = node_at(lowered, index)) return std::visit(Calls{lowered, *node}, node->op);
  if (is_decision(lowered, index)) return std::vector<Extent>(exit_count(lowered) > 0 ? lowered.outputs.size() : 0, Extent{1});
  std::vector<Extent> deliveries;
  for (const ValueId output : lowered.outputs) deliveries.push_back({outermost(lowered.type(output).shape)});
  return deliveries;
}

std::vector<Call> calls_in_order(const Graph& lowered) {
  std::vector<Call> calls;
  const auto add = [&](std::int32_t index) {
    const auto parts = static_cast<std::int32_t>(extents(lowered, index).size());
    for (std::int32_t part = 0; part < parts; ++part) calls.push_back({index, part});
  };
  if (exit_count(lowered) == 0) {
    for (std::int32_t node = 0; node <= delivery_index(lowered); ++node) add(node);
    return calls;
  }
  const std::vector<std::int32_t> answers = answer_nodes(lowered);
  std::int32_t exit = 0;
  for (std::int32_t node = 0; node < delivery_index(lowered); ++node) {
    add(node);
    if (static_cast<std::size_t>(exit) == answers.size() || answers[static_cast<std::size_t>(exit)] != node) continue;
    calls.push_back({delivery_index(lowered), exit});
    calls.push_back({decision_index(lowered), exit});
    ++exit;
  }
  return calls;
}

Tile whole(const Extent& extent) { return {0, extent.rows, 0, extent.columns, 0, extent.channels, 0, extent.depth}; }

std::int64_t tile_count(const Tiling& tiling, const Extent& extent) {
  return pieces(extent.rows, tiling.rows) * pieces(extent.columns, tiling.columns) *
         pieces(extent.channels, tiling.channels) * pieces(extent.depth, tiling.depth);
}

Tile tile_of(const Tiling& tiling, const Extent& extent, std::int64_t number) {
  const std::int64_t depths = pieces(extent.depth, tiling.depth), channels = pieces(extent.channels, tiling.channels);
  const std::int64_t columns = pieces(extent.columns, tiling.columns);
  const auto cut = [](std::int64_t size, std::int64_t step, std::int64_t i, std::int64_t& from, std::int64_t& to) {
    from = i * step;
    to = step == 0 ? size : std::min(size, from + step);
  };
  Tile tile;
  cut(extent.depth, tiling.depth, number % depths, tile.depth0, tile.depth1);
  cut(extent.channels, tiling.channels, number / depths % channels, tile.ch0, tile.ch1);
  cut(extent.columns, tiling.columns, number / depths / channels % columns, tile.col0, tile.col1);
  cut(extent.rows, tiling.rows, number / depths / channels / columns, tile.row0, tile.row1);
  return tile;
}

namespace {

/// Rows of a weight differ in how much of them is stored: the counts of a tile are those of its own.
void count_encoded(const Graph& graph, const Value& weight, const Node& node, const Extent& extent, const Tile& tile, const Cost& total,
                   Cost& out) {
  const std::int64_t channels = weight.type.shape[0], depth = weight.type.count() / channels;
  const std::int64_t count = tile.ch1 - tile.ch0, places = out.outputs / count;
  const auto* conv = std::get_if<Conv2d>(&node.op);
  if (total.gathered > 0) {
    const std::int64_t of_group = channels / conv->groups;
    out.gathered = places * depth * ((tile.ch1 - 1) / of_group - tile.ch0 / of_group + 1);
  }
  const bool piece = extent.depth > 0 && tile.depth1 - tile.depth0 < extent.depth;
  if (count == channels && !piece) {
    out.macs = total.macs / (total.outputs / channels) * places;
    out.symbols = total.symbols / (total.outputs / channels) * places;
    out.weight_bytes = total.weight_bytes;
    return;
  }
  const auto first = static_cast<std::size_t>(tile.ch0 * depth), held = static_cast<std::size_t>(count * depth);
  const auto rows = weight.data.as<std::int8_t>().subspan(first, held);
  const EncodedSize size = piece ? encoded_size(columns(rows, count, tile.depth0, tile.depth1), count, weight.encoding)
                                 : encoded_size(rows, count, weight.encoding);
  out.macs = size.values * places;
  out.symbols = size.symbols * places;
  out.weight_bytes = size.bytes;
  if (node.inputs.size() > 2) out.weight_bytes += stored_bytes(graph.value(node.inputs[2])) / channels * count;
}

/// Of the boxes of a node, those rows that a tile copies.
void count_rows_of_boxes(const Graph& graph, const Node& node, const Tile& tile, Cost& out) {
  out.gathered = 0, out.runs = 0, out.calls = 1;
  for (const RowBox& box : row_boxes(graph, node).boxes) {
    const std::int64_t rows = std::min(tile.row1 - box.first, box.size[0]) - std::max(tile.row0 - box.first, std::int64_t{0});
    if (rows <= 0) continue;
    out.calls += rows;
    out.runs += rows * box.lines();
    const bool one_by_one = box.from_steps[3] != 1 || box.to_steps[3] != 1;
    if (one_by_one && box.size[3] > 1) out.gathered += rows * box.lines() * box.size[3];
  }
}

/// A share of a count, rounded up.
std::int64_t share_of(std::int64_t amount, std::int64_t size, std::int64_t of) {
  if (of == 0) return amount;
  return static_cast<std::int64_t>((static_cast<__int128>(amount) * size + of - 1) / of);
}

/// What a tile gathers and how many runs it takes: never less than it does. Convolutions gather a window for all channels
/// of a tile; what other kernels spare at the border, a tile in the middle does not.
void count_windows(const Cost& total, Cost& out, const Tile& tile, const Extent& extent) {
  const std::int64_t rows = tile.row1 - tile.row0, columns = tile.col1 - tile.col0;
  if (copies_windows(total.kernel)) {
    out.gathered = share_of(share_of(total.gathered, rows, extent.rows), columns, extent.columns);
    out.runs = share_of(share_of(total.runs, rows, extent.rows), columns, extent.columns);
    out.windows = share_of(share_of(total.windows, rows, extent.rows), columns, extent.columns);
    return;
  }
  const bool windows = total.kernel == Kernel::kDepthwise || total.kernel == Kernel::kPool || total.kernel == Kernel::kMaxPool;
  out.gathered = windows ? out.macs : share_of(total.gathered, out.outputs, total.outputs);
  out.runs = windows && total.outputs > 0 ? share_of(total.runs, 1, total.outputs) * out.outputs
                                          : share_of(total.runs, out.outputs, total.outputs);
  out.windows = share_of(share_of(total.windows, rows, extent.rows), columns, extent.columns);
}

}  // namespace

Cost tile_cost(const Graph& lowered, std::int32_t index, std::int32_t part, const Tile& tile) {
  const Node* node = node_at(lowered, index);
  return tile_cost(lowered, index, part, tile, node ? cost(lowered, *node) : Cost{});
}

Cost tile_cost(const Graph& lowered, std::int32_t index, std::int32_t part, const Tile& tile, Cost total) {
  const Node* node = node_at(lowered, index);
  const Extent extent = extents(lowered, index)[static_cast<std::size_t>(part)];
  // How much of a whole a share of it is; exact, for extents divide what they cut.
  const auto share = [](std::int64_t amount, std::int64_t size, std::int64_t of) { return of == 0 ? amount : amount / of * size; };
  const auto area = [&](std::int64_t amount) {
    const std::int64_t rows = share(amount, tile.row1 - tile.row0, extent.rows);
    return share(share(rows, tile.col1 - tile.col0, extent.columns), tile.ch1 - tile.ch0, extent.channels);
  };
  if (!node) {
    const Type& type = lowered.type(lowered.outputs[static_cast<std::size_t>(part)]);
    if (is_decision(lowered, index)) {  // a confidence is a sum of exponentials, as a softmax has it
      return {.kernel = Kernel::kSoftmax, .outputs = type.count(), .activation_in_bytes = type.bytes(), .activation_out_bytes = 1};
    }
    const std::int64_t elements = area(type.count());
    return {.kernel = Kernel::kMove, .outputs = elements, .activation_in_bytes = elements, .activation_out_bytes = elements,
            .runs = tile.row1 - tile.row0};
  }
  const bool by_rows = copies_by_rows(lowered, *node);
  const std::vector<Box> copies = boxes(lowered, *node);
  if (!copies.empty() && !by_rows) {
    total.outputs = element_count(copies[static_cast<std::size_t>(part)].shape);
    total.activation_out_bytes = total.outputs;
  }
  if (total.kernel == Kernel::kNone) {  // a reshape that has to copy
    total.kernel = Kernel::kMove;
    total.runs = 1;
  }
  const std::int64_t outputs = area(total.outputs);
  const std::int64_t per_output = total.outputs == 0 ? 0 : total.macs / total.outputs;
  Cost out = total;
  out.outputs = outputs;
  out.activation_out_bytes = outputs;
  out.macs = std::holds_alternative<Mean>(node->op) ? share(total.macs, tile.row1 - tile.row0, extent.rows)
                                                    : share(outputs * per_output, tile.depth1 - tile.depth0, extent.depth);
  count_windows(total, out, tile, extent);
  const bool by_channel = extent.channels > 0;
  out.weight_bytes = by_channel ? total.weight_bytes / extent.channels * (tile.ch1 - tile.ch0) : total.weight_bytes;
  if (extent.depth > 0) out.weight_bytes = out.weight_bytes * (tile.depth1 - tile.depth0) / extent.depth;
  if (by_rows) count_rows_of_boxes(lowered, *node, tile, out);
  if (const Value* weight = encoded_weight(lowered, *node)) count_encoded(lowered, *weight, *node, extent, tile, total, out);
  return out;
}

Accesses accesses(const Graph& lowered, const Tiling& tiling, const Extent& extent, const Tile& tile) {
  const Node* node = node_at(lowered, tiling.node);
  if (!node) {
    const ValueId output = lowered.outputs[static_cast<std::size_t>(tiling.part)];
    if (is_decision(lowered, tiling.node)) {
      return {{rows_of(output, 0, 1, lowered.type(output).bytes())},
              {{.place = Region::Place::kReached, .index = tiling.part, .run = 1}}};
    }
    const Bytes row = lowered.type(output).bytes() / extent.rows;
    Accesses out{{rows_of(output, tile.row0, tile.row1, row)}, {rows_of(tiling.part, tile.row0, tile.row1, row)}};
    out.writes[0].place = Region::Place::kResult;
    return out;
  }
  Tracer tracer(lowered, *node, tiling, extent, tile);
  std::visit(tracer, node->op);
  return std::move(tracer.out);
}

std::string describe_part(const Graph& graph, std::int32_t index, std::int32_t part) {
  if (const Node* node = node_at(graph, index)) return describe(*node);
  return fmt::format("{} '{}'", is_decision(graph, index) ? "decision at" : "delivery of", graph.value(graph.outputs[static_cast<std::size_t>(part)]).name);
}

}  // namespace mj
