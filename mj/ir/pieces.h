// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "mj/ir/graph.h"

// A row of encoded weights can only be decoded from its beginning. Where units cut the sums of a linear layer, its
// weight is stored in pieces of so many columns as a unit takes, each encoded by itself: the first pieces of all rows,
// then the second ones, and so on. Kernels see in every piece a smaller layer.
namespace mj {

/// Columns of one piece of the constant; 0 where it is stored whole.
std::int64_t piece_columns(const Graph& graph, ValueId constant);

/// Columns begin..end-1 of `rows` rows.
std::vector<std::int8_t> columns(std::span<const std::int8_t> elements, std::int64_t rows, std::int64_t begin,
                                 std::int64_t end);

/// Where the rows of each piece begin, piece by piece; the whole weight is one piece where it is not cut.
std::vector<std::vector<Bytes>> piece_offsets(const Graph& graph, ValueId weight);

/// The bytes of an int8 constant as firmware holds it, and how many they are (of any constant).
std::vector<std::byte> stored_constant(const Graph& graph, ValueId constant);
Bytes stored_bytes(const Graph& graph, ValueId constant);

}  // namespace mj
