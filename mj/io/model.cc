// SPDX-License-Identifier: Apache-2.0
#include "mj/base/error.h"
#include "mj/io/onnx.h"

namespace mj {

ImportResult import_model(const std::filesystem::path& path) { return import_onnx(path); }

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
