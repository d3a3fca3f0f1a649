// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <fstream>

#include "mj/base/error.h"
#include "mj/io/onnx.h"
#include "mj/io/tflite.h"

namespace mj {
namespace {

/// Whether the file starts as a TFLite model does. A file that cannot be read does not; whoever reads it says why.
bool starts_as_tflite(const std::filesystem::path& path) {
  std::array<char, 8> start{};
  std::ifstream file(path, std::ios::binary);
  return file.read(start.data(), start.size()) && is_tflite(std::as_bytes(std::span(start)));
}

}  // namespace

ImportResult import_model(const std::filesystem::path& path) {
  return starts_as_tflite(path) ? import_tflite(path) : import_onnx(path);
}

Graph read_model(const std::filesystem::path& path) {
  auto result = import_model(path);
  if (result.unsupported.empty()) return std::move(result.graph);
  std::string list;
  for (const auto& [node, op, reason] : result.unsupported) {
    list += fmt::format("{}node '{}' ({}): {}", list.empty() ? "" : "; ", node, op, reason);
  }
  fail("{}: {} unsupported operator{}: {}", path.string(), result.unsupported.size(),
       result.unsupported.size() == 1 ? "" : "s", list);
}

}  // namespace mj
