// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "mj/ir/graph.h"

namespace mj {

/// The graph as readable text that round-trips (`format = 1`). Constants of up to 16 elements are written out; larger
/// ones as `#<hash>`, their bytes going to `blobs` under that name.
std::string print_text(const Graph& graph, std::map<std::string, Constant>* blobs = nullptr);

/// The inverse of `print_text`; throws `Error` with the line number. The result has passed `verify`.
Graph parse_text(std::string_view text, const std::map<std::string, Constant>& blobs);

/// Writes `path` and, beside it, `path` + ".bin" with the large constants (a sequence of: hash, size, bytes).
void write_text_files(const std::filesystem::path& path, const Graph& graph);
Graph read_text_files(const std::filesystem::path& path);

}  // namespace mj
