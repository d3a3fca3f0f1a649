// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "mj/ir/graph.h"

namespace mj {

/// The graph as readable text that round-trips, one statement a line (blank lines and lines of `# comment` are
/// skipped):
///
///     format = 1
///     input %0 "image": i8[28x28x1] scale=0.00392156886 zero_point=-128
///     const %1 "w": i8[8x3x3x1] scale=[0.01, ...] zero_point=0 axis=0 = #90c1b2a3d4e5f607
///     const %3 "v": i8[10x64] scale=0.02 zero_point=0 = relative_int4 #0f1e2d3c4b5a6978
///     %2 "y": i8[26x26x8] scale=0.05 zero_point=3 = conv2d "conv1" (%0, %1) clamp=[0, inf]
///     output %2
///
/// then, where there are any, `preprocess`, `class`, `metadata`, `plan`, `buffer`, `units` and `tiling`. Attributes that
/// have their default are left out; a list of one is written as its entry, and one zero point stands for all. Constants of
/// up to 16 elements are written out; larger ones (and those with a NaN) as `#<content hash>`, their bytes going to `blobs`
/// under that hash. A graph that does not verify is printed too. Throws `Error` when two different constants have the
/// same hash.
std::string print_text(const Graph& graph, std::map<std::string, Constant>* blobs = nullptr);

/// The inverse of `print_text`; throws `Error` with the line number. The result has passed `verify`, whose messages
/// name the node or the value.
Graph parse_text(std::string_view text, const std::map<std::string, Constant>& blobs);

/// Writes `path` and, beside it, `path` + ".bin" with the large constants (a sequence of: hash, size, bytes).
void write_text_files(const std::filesystem::path& path, const Graph& graph);
/// Throws `Error` that names the file; every constant is checked against its hash.
Graph read_text_files(const std::filesystem::path& path);

}  // namespace mj
