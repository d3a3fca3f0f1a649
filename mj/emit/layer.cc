// SPDX-License-Identifier: Apache-2.0
#include "mj/emit/layer.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "mj/base/error.h"
#include "mj/ir/pieces.h"

namespace mj {
namespace {

const Buffer& buffer_of(const Graph& graph, ValueId value) {
  const auto& buffers = graph.plan->buffers;
  const auto found = std::ranges::find(buffers, value, &Buffer::value);
  MJ_CHECK(found != buffers.end());
  return *found;
}

void check_int8(const Layer& layer) {
  for (std::size_t i = 0; i < layer.input_count(); ++i) {
    const Value& value = layer.input_value(i);
    if (!value.constant() && value.type.dtype != DType::kI8) {
      fail("input is {}; emitted code computes with i8", type_text(value.type));
    }
  }
  if (layer.output().dtype != DType::kI8) {
    fail("output is {}; emitted code computes with i8", type_text(layer.output()));
  }
}

}  // namespace

Layer::Layer(const Graph& graph, std::int32_t index)
    : graph_(graph), node_(graph.nodes[static_cast<std::size_t>(index)]), index_(index) {}

std::string Layer::place(ValueId value) const { return place_text(value); }

std::string Layer::operand(std::size_t i) const {
  return input_value(i).constant() ? constant_name(i) : place(node_.inputs[i]);
}

std::string Layer::result() const { return place(node_.output); }

std::string Layer::constant_name(std::size_t i) const { return fmt::format("constant_{}", node_.inputs[i]); }

bool Layer::in_place() const {
  return !input_value(0).constant() &&
         buffer_of(graph_, node_.inputs[0]).offset == buffer_of(graph_, node_.output).offset;
}

std::string Layer::own_name(std::string_view what) const {
  return fmt::format("{}_{}{}{}", op_name(node_.op), index_, what.empty() ? "" : "_", what);
}

std::string Layer::define(std::string_view type, const Fields& fields, std::string_view what) {
  std::string name = own_name(what);
  code.constants += struct_definition(type, name, fields);
  return name;
}

std::string Layer::define_list(std::string_view type, std::size_t count, std::string_view elements) {
  std::string name = own_name("");
  code.constants += fmt::format("static const {} {}[{}] = {{{}}};\n", type, name, count, elements);
  return name;
}

void Layer::call(std::string_view function, std::string_view file, const Extent& extent,
                 const std::vector<std::string>& arguments) {
  code.calls.push_back({extent, std::exchange(definitions_, {}), fmt::format("{}({});\n", function, fmt::join(arguments, ", "))});
  code.runtime.emplace(file);
}

const Tiling* Layer::tiling() const {
  if (!graph_.plan->units) return nullptr;
  for (const Tiling& tiling : graph_.plan->units->tilings) {
    if (tiling.node == index_ && tiling.part == static_cast<std::int32_t>(code.calls.size())) return &tiling;
  }
  return nullptr;
}

std::string Layer::weights_argument(const std::string& weights, std::int64_t depth) {
  const Tiling* cut = tiling();
  const Value& weight = input_value(1);
  const bool pieces = cuts_depth() && !weight.encoding.plain();
  if (!cut || (cut->channels == output().shape.back() && !pieces)) return "&" + weights;
  if (weight.encoding.layout == Layout::kDense && !pieces) {
    const std::int64_t row = weight.encoding.bits == 4 ? (depth + 1) / 2 : depth;
    definitions_ += fmt::format("const mj_weights weights = mj_weights_from(&{}, unit->tile.ch0, {}u);\n", weights, row);
    return "&weights";
  }
  // Rows differ in length, and pieces in their rows: where those of each tile begin is stored.
  std::vector<std::int32_t> tiles;
  for (const std::vector<Bytes>& rows : piece_offsets(graph_, node_.inputs[1])) {
    for (std::int64_t c = 0; c < weight.type.shape[0]; c += cut->channels) {
      tiles.push_back(static_cast<std::int32_t>(rows[static_cast<std::size_t>(c)]));
    }
  }
  const std::string starts = define_array<std::int32_t>("int32_t", "starts", tiles);
  std::string tile = fmt::format("unit->tile.ch0 / {}", cut->channels);
  if (pieces) {
    const std::int64_t of_piece = (weight.type.shape[0] + cut->channels - 1) / cut->channels;
    tile = fmt::format("unit->depth0 / {} * {} + {}", cut->depth, of_piece, tile);
  }
  definitions_ += fmt::format("mj_weights weights = mj_weights_from(&{}, unit->tile.ch0, 0);\n", weights);
  definitions_ += fmt::format("weights.weight += (uint32_t){}[{}];\n", starts, tile);
  return "&weights";
}

bool Layer::cuts_depth() const {
  const Tiling* cut = tiling();
  return cut && cut->partial[0] >= 0;
}

std::string Layer::part_argument() {
  const Tiling* cut = tiling();
  MJ_CHECK(cuts_depth());
  definitions_ += fmt::format("const mj_part part = mj_part_of(unit, arena + {}, arena + {});\n", cut->partial[0], cut->partial[1]);
  return "&part";
}

LayerCode print_layer(const Graph& graph, std::int32_t index) {
  const Node& node = graph.nodes[static_cast<std::size_t>(index)];
  return with_context(describe(node), [&] {
    Layer layer(graph, index);
    // Nodes that have no integer kernel at all say so themselves.
    if (!std::holds_alternative<BatchNorm>(node.op)) {
      check_int8(layer);
    }
    std::visit([&](const auto& op) { print_op(op, layer); }, node.op);
    // The plan cuts what is called here.
    const std::vector<Extent> planned = extents(graph, index);
    MJ_CHECK(layer.code.calls.size() == planned.size());
    for (std::size_t i = 0; i < planned.size(); ++i) {
      const Extent &called = layer.code.calls[i].extent, &plan = planned[i];
      if (called == plan) continue;
      throw InternalError(fmt::format("{}: call {} is for {}x{}x{}x{}; planned {}x{}x{}x{}", describe(node), i, called.rows,
                                      called.columns, called.channels, called.depth, plan.rows, plan.columns, plan.channels,
                                      plan.depth));
    }
    return std::move(layer.code);
  });
}

std::vector<std::int8_t> stored_elements(const Graph& graph, ValueId constant) {
  std::vector<std::int8_t> stored;
  for (const std::byte b : stored_constant(graph, constant)) stored.push_back(static_cast<std::int8_t>(b));
  return stored;
}

std::string constant_definition(const Graph& graph, ValueId id) {
  const Value& value = graph.value(id);
  const std::string name = fmt::format("constant_{}", id);
  std::string stored = value.encoding.plain() ? "" : fmt::format(", {}", encoding_name(value.encoding));
  if (const std::int64_t piece = piece_columns(graph, id)) stored += fmt::format(", in pieces of {} columns", piece);
  const std::string comment = fmt::format("/* {} {}{} */\n", comment_text(value.name), comment_text(type_text(value.type)), stored);
  switch (value.type.dtype) {
    case DType::kI8:
      return comment + array_definition("int8_t", name, stored_elements(graph, id));
    case DType::kI32:
      return comment + array_definition("int32_t", name, value.data.as<std::int32_t>());
    case DType::kF32:
    case DType::kI16:
      break;
  }
  fail("constant '{}' is {}; emitted code holds i8 and i32", value.name, type_text(value.type));
}

std::string int16_text(std::int64_t value, std::string_view what) {
  if (value < -32768 || value > 32767) {
    fail("{} is {}; the kernels count up to 32767", what, value);
  }
  return std::to_string(value);
}

std::string whole_tile(const Extent& extent) {
  return fmt::format("(mj_tile){{0, {}, 0, {}, 0, {}}}", int16_text(extent.rows, "number of rows"),
                     int16_text(extent.columns, "number of columns"), int16_text(extent.channels, "number of channels"));
}

std::string place_text(ValueId value) { return fmt::format("arena + AT_{}", value); }

std::string output_text(const Affine& y, const Int8Limits& limits) {
  return fmt::format("{{{}, {}, {}}}", y.zero_point, limits.low, limits.high);
}

Loops merge_loops(const Shape& shape, const std::vector<std::vector<std::int64_t>>& steps) {
  constexpr std::size_t kLoops = 4;
  Loops merged{{}, std::vector<std::vector<std::int64_t>>(steps.size())};
  const auto append = [&](std::int64_t size, std::size_t dimension) {
    merged.size.push_back(size);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      merged.steps[i].push_back(steps[i][dimension]);
    }
  };
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == 1) {
      continue;
    }
    // The outermost stays alone: its count is what tiles are cut from.
    bool merges = merged.size.size() > 1;
    for (std::size_t i = 0; i < steps.size() && merges; ++i) {
      merges = merged.steps[i].back() == steps[i][d] * shape[d];
    }
    if (!merges) {
      append(shape[d], d);
      continue;
    }
    merged.size.back() *= shape[d];
    for (std::size_t i = 0; i < steps.size(); ++i) {
      merged.steps[i].back() = steps[i][d];
    }
  }
  if (merged.size.size() > kLoops) {
    fail("needs {} nested loops over {}; the kernels have {}", merged.size.size(), shape_text(shape), kLoops);
  }
  // A single loop is a line; otherwise loops of one turn go between the rows and the rest.
  const std::size_t at = merged.size.size() > 1 ? 1 : 0;
  const std::size_t missing = kLoops - merged.size.size();
  merged.size.insert(merged.size.begin() + static_cast<std::ptrdiff_t>(at), missing, 1);
  for (auto& list : merged.steps) {
    list.insert(list.begin() + static_cast<std::ptrdiff_t>(at), missing, 0);
  }
  return merged;
}

std::vector<std::int64_t> broadcast_steps(const Shape& shape, const Shape& full) {
  const std::vector<std::int64_t> own = row_major_steps(shape);
  std::vector<std::int64_t> steps(full.size(), 0);
  const std::size_t missing = full.size() - shape.size();
  for (std::size_t d = 0; d < shape.size(); ++d) {
    steps[missing + d] = shape[d] == 1 ? 0 : own[d];
  }
  return steps;
}

}  // namespace mj
