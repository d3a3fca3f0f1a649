// SPDX-License-Identifier: Apache-2.0
#include "mj/io/tflite.h"

#include <limits>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/io/tflite/importer.h"

namespace mj {
namespace {

constexpr std::uint32_t kSchemaVersion = 3;
// A model is a tree of a handful of levels. Tables that several offsets point to count as often, so the second limit
// bounds the time of everything that walks them; real networks have a few thousand.
constexpr flatbuffers::uoffset_t kDeepestTable = 16;
constexpr flatbuffers::uoffset_t kMostTables = 250'000;

ImportResult import_buffer(std::span<const std::byte> bytes) {
  if (!is_tflite(bytes)) fail("not a TFLite model: bytes 4 to 7 are not 'TFL3'");
  if (bytes.size() >= FLATBUFFERS_MAX_BUFFER_SIZE) {
    fail("has {} bytes; expected less than {}", bytes.size(), FLATBUFFERS_MAX_BUFFER_SIZE);
  }
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  flatbuffers::Verifier verifier(data, bytes.size(), kDeepestTable, kMostTables);
  if (!mj_tflite::VerifyModelBuffer(verifier)) {
    fail("damaged or truncated TFLite model: its tables lead outside of the file, or are too many");
  }
  const auto& model = *mj_tflite::GetModel(data);
  if (model.version() != kSchemaVersion) fail("has schema version {}; expected {}", model.version(), kSchemaVersion);
  return tflite::Importer(model, bytes.size()).run();
}

}  // namespace

bool is_tflite(std::span<const std::byte> bytes) {
  return bytes.size() >= 8 && mj_tflite::ModelBufferHasIdentifier(bytes.data());
}

ImportResult parse_tflite(std::span<const std::byte> bytes) {
  // Offsets are aligned from the start of the file, so the start has to be.
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(std::max_align_t) == 0) return import_buffer(bytes);
  return import_buffer(std::vector<std::byte>(bytes.begin(), bytes.end()));
}

ImportResult import_tflite(const std::filesystem::path& path) {
  const auto bytes = read_file(path);
  return with_context(path.string(), [&] { return parse_tflite(bytes); });
}

}  // namespace mj
