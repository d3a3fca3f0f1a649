// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <utility>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/hash.h"
#include "mj/ir/text.h"

namespace mj {
namespace {

// Each constant is its hash and its size, eight bytes each, then its bytes; little endian.

void append_u64(std::vector<std::byte>& out, std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) out.push_back(static_cast<std::byte>(value >> shift));
}

std::uint64_t read_u64(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  return value;
}

std::vector<std::byte> print_blobs(const std::map<std::string, Constant>& blobs) {
  std::vector<std::byte> out;
  for (const auto& [name, constant] : blobs) {
    const std::span<const std::byte> bytes = constant.bytes();
    append_u64(out, content_hash(bytes));
    append_u64(out, bytes.size());
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return out;
}

std::map<std::string, Constant> parse_blobs(std::span<const std::byte> rest) {
  std::map<std::string, Constant> blobs;
  while (!rest.empty()) {
    if (rest.size() < 16) fail("ends inside the header of constant {}", blobs.size());
    const std::uint64_t hash = read_u64(rest), size = read_u64(rest.subspan(8));
    rest = rest.subspan(16);
    if (size > rest.size()) fail("constant #{} claims {} bytes; {} are left", hash_text(hash), size, rest.size());
    const std::span<const std::byte> bytes = rest.first(static_cast<std::size_t>(size));
    if (content_hash(bytes) != hash) fail("constant #{} is damaged: its bytes do not have this hash", hash_text(hash));
    blobs.emplace(hash_text(hash), Constant({bytes.begin(), bytes.end()}));
    rest = rest.subspan(bytes.size());
  }
  return blobs;
}

std::filesystem::path blob_path(std::filesystem::path path) { return path += ".bin"; }

}  // namespace

void write_text_files(const std::filesystem::path& path, const Graph& graph) {
  std::map<std::string, Constant> blobs;
  const std::string text = print_text(graph, &blobs);
  // The constants first: who sees the new text finds what it names.
  write_file(blob_path(path), print_blobs(blobs));
  write_file(path, text);
}

Graph read_text_files(const std::filesystem::path& path) {
  const std::string text = read_text(path);
  const std::filesystem::path beside = blob_path(path);
  std::map<std::string, Constant> blobs;
  // A graph written by hand may have no large constants and no such file.
  if (std::filesystem::exists(beside)) {
    blobs = with_context(beside.string(), [&] { return parse_blobs(read_file(beside)); });
  }
  return with_context(path.string(), [&] { return parse_text(text, blobs); });
}

}  // namespace mj
