// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "mj/ir/graph.h"

namespace mj {

/// An operator of a file that has no counterpart here, with what the user can do about it.
struct Unsupported {
  std::string node;    ///< name in the file, or its first output when it has none
  std::string op;      ///< operator type in the file
  std::string reason;  ///< what exactly is not supported, and how to avoid it
};

/// A model file as read: the graph, or what stands in the way of one.
struct ImportResult {
  Graph graph;                           ///< valid only when `unsupported` is empty
  std::vector<Unsupported> unsupported;  ///< every one, not only the first
};

/// Reads an ONNX model, opset 7 to 19. Dimensions of activations are turned to channels-last at this border, float
/// quantise/dequantise pairs become quantised types. Metadata keys `millijoule.*` are understood. Throws `Error` on a
/// file that is not an ONNX model, is truncated or contradicts itself.
ImportResult import_onnx(const std::filesystem::path& path);
/// From memory; `folder` is where external initialisers are looked for.
ImportResult parse_onnx(std::span<const std::byte> bytes, const std::filesystem::path& folder);

/// Reads a model of any known format by its content (ONNX, TFLite).
ImportResult import_model(const std::filesystem::path& path);

/// Reads a model of any known format by its content (ONNX, TFLite) and throws one `Error` that lists every unsupported
/// operator with its node name.
Graph read_model(const std::filesystem::path& path);

/// The graph as an ONNX model (opset 13): float, or int8 as QuantizeLinear/DequantizeLinear pairs. Preprocessing, class
/// names and metadata go to `metadata_props`. The same graph gives the same bytes.
std::vector<std::byte> print_onnx(const Graph& graph);
void write_onnx(const std::filesystem::path& path, const Graph& graph);

}  // namespace mj
