// SPDX-License-Identifier: Apache-2.0
#include "mj/io/onnx.h"

#include <limits>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/io/onnx/importer.h"
#include "onnx.pb.h"

namespace mj {
namespace {

mj_onnx::ModelProto parse_model(std::span<const std::byte> bytes) {
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    fail("has {} bytes; expected less than 2 GiB (keep the weights in an external file)", bytes.size());
  }
  mj_onnx::ModelProto model;
  if (!model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) fail("not an ONNX model, or truncated");
  if (!model.has_graph()) fail("not an ONNX model, or truncated: it holds no graph");
  if (model.graph().sparse_initializer_size() > 0) fail("has sparse initialisers; expected dense ones");
  return model;
}

}  // namespace

ImportResult parse_onnx(std::span<const std::byte> bytes, const std::filesystem::path& folder) {
  auto model = parse_model(bytes);
  return onnx::Importer(model, folder).run();
}

ImportResult import_onnx(const std::filesystem::path& path) {
  auto bytes = read_file(path);
  return with_context(path.string(), [&] {
    auto model = parse_model(bytes);
    // The message holds copies of everything; the file's bytes are not needed beside it.
    std::vector<std::byte>().swap(bytes);
    const auto parent = path.parent_path();
    return onnx::Importer(model, parent.empty() ? std::filesystem::path(".") : parent).run();
  });
}

}  // namespace mj
