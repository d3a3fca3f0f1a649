// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/pieces.h"

#include <algorithm>

#include "mj/base/error.h"

namespace mj {
namespace {

/// Calls visit(elements) for every piece of a weight that has some.
template <class Visit>
void each_piece(const Value& weight, std::int64_t piece, Visit&& visit) {
  const auto elements = weight.data.as<std::int8_t>();
  const std::int64_t rows = weight.type.shape[0], depth = weight.type.count() / rows;
  for (std::int64_t begin = 0; begin < depth; begin += piece) {
    visit(columns(elements, rows, begin, std::min(depth, begin + piece)));
  }
}

}  // namespace

std::int64_t piece_columns(const Graph& graph, ValueId constant) {
  if (!graph.plan || !graph.plan->units || graph.value(constant).encoding.plain()) return 0;
  for (const Tiling& tiling : graph.plan->units->tilings) {
    const bool cut = tiling.partial[0] >= 0 && static_cast<std::size_t>(tiling.node) < graph.nodes.size();
    if (cut && graph.nodes[static_cast<std::size_t>(tiling.node)].inputs.at(1) == constant) return tiling.depth;
  }
  return 0;
}

std::vector<std::int8_t> columns(std::span<const std::int8_t> elements, std::int64_t rows, std::int64_t begin,
                                 std::int64_t end) {
  MJ_CHECK(rows > 0 && begin >= 0 && begin < end);
  const auto depth = elements.size() / static_cast<std::size_t>(rows);
  std::vector<std::int8_t> out;
  out.reserve(static_cast<std::size_t>(rows * (end - begin)));
  for (std::size_t row = 0; row < elements.size(); row += depth) {
    const auto part = elements.subspan(row + static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

std::vector<std::vector<Bytes>> piece_offsets(const Graph& graph, ValueId id) {
  const Value& weight = graph.value(id);
  const std::int64_t rows = weight.type.shape[0], piece = piece_columns(graph, id);
  if (piece == 0) return {row_offsets(weight.data.as<std::int8_t>(), rows, weight.encoding)};
  std::vector<std::vector<Bytes>> out;
  Bytes begin = 0;
  each_piece(weight, piece, [&](std::span<const std::int8_t> elements) {
    std::vector<Bytes> offsets = row_offsets(elements, rows, weight.encoding);
    for (Bytes& offset : offsets) offset += begin;
    begin = offsets.back();
    out.push_back(std::move(offsets));
  });
  return out;
}

std::vector<std::byte> stored_constant(const Graph& graph, ValueId id) {
  const Value& value = graph.value(id);
  const auto elements = value.data.as<std::int8_t>();
  if (value.encoding.plain()) {
    const auto bytes = std::as_bytes(elements);
    return {bytes.begin(), bytes.end()};
  }
  const std::int64_t rows = value.type.shape[0], piece = piece_columns(graph, id);
  if (piece == 0) return pack(elements, rows, value.encoding);
  std::vector<std::byte> out;
  each_piece(value, piece, [&](std::span<const std::int8_t> part) {
    const std::vector<std::byte> packed = pack(part, rows, value.encoding);
    out.insert(out.end(), packed.begin(), packed.end());
  });
  return out;
}

Bytes stored_bytes(const Graph& graph, ValueId id) {
  const std::int64_t piece = piece_columns(graph, id);
  return piece == 0 ? stored_bytes(graph.value(id)) : piece_offsets(graph, id).back().back();
}

}  // namespace mj
