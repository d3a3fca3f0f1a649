// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/checkpoint.h"

#include <bit>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/hash.h"

namespace mj {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic = "millijoule checkpoint\n";
constexpr std::uint64_t kFormat = 1;

/// Lists the fields once, for writing and reading alike.
template <class Self, class Visit>
void visit_fields(Self& self, Visit&& visit) {
  visit(self.job), visit(self.threads), visit(self.cuda), visit(self.step), visit(self.loss_sum), visit(self.seconds);
  visit(self.epoch_loss), visit(self.epoch_accuracy), visit(self.weights), visit(self.momentum), visit(self.average);
}

class Writer {
 public:
  template <class T>
  void operator()(const T& number) {
    append(std::as_bytes(std::span(&number, 1)));
  }
  template <class T>
  void operator()(const std::vector<T>& numbers) {
    (*this)(static_cast<std::uint64_t>(numbers.size()));
    append(std::as_bytes(std::span(numbers)));
  }
  void append(std::span<const std::byte> more) { bytes.insert(bytes.end(), more.begin(), more.end()); }

  std::vector<std::byte> bytes;
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}

  template <class T>
  void operator()(T& number) {
    std::memcpy(&number, take(sizeof(T)).data(), sizeof(T));
  }
  template <class T>
  void operator()(std::vector<T>& numbers) {
    std::uint64_t count = 0;
    (*this)(count);
    if (count > rest_.size() / sizeof(T)) fail("truncated checkpoint; expected {} more numbers", count);
    numbers.resize(count);
    const std::span<const std::byte> bytes = take(count * sizeof(T));
    if (count > 0) std::memcpy(numbers.data(), bytes.data(), bytes.size());
  }
  std::span<const std::byte> take(std::size_t count) {
    if (count > rest_.size()) fail("truncated checkpoint; expected {} more bytes", count - rest_.size());
    const std::span<const std::byte> bytes = rest_.first(count);
    rest_ = rest_.subspan(count);
    return bytes;
  }
  std::size_t left() const { return rest_.size(); }

 private:
  std::span<const std::byte> rest_;
};

Checkpoint parse(std::span<const std::byte> bytes) {
  const auto magic = std::as_bytes(std::span(kMagic));
  if (bytes.size() < magic.size() || std::memcmp(bytes.data(), magic.data(), magic.size()) != 0) {
    fail("not a checkpoint of a training; expected a file that millijoule wrote, or none");
  }
  Reader reader(bytes.subspan(magic.size()));
  std::uint64_t format = 0;
  reader(format);
  if (format != kFormat) fail("checkpoint has format {}; expected {}", format, kFormat);
  Checkpoint checkpoint;
  visit_fields(checkpoint, reader);
  const std::uint64_t expected = content_hash(bytes.first(bytes.size() - reader.left()));
  std::uint64_t hash = 0;
  reader(hash);
  if (hash != expected || reader.left() != 0) fail("damaged checkpoint: its content does not match its hash");
  return checkpoint;
}

}  // namespace

void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  Writer writer;
  writer.append(std::as_bytes(std::span(kMagic)));
  writer(kFormat);
  visit_fields(checkpoint, writer);
  writer(content_hash(writer.bytes));
  write_file(path, std::span<const std::byte>(writer.bytes));
}

std::optional<Checkpoint> read_checkpoint(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::nullopt;
  const std::vector<std::byte> bytes = read_file(path);
  return with_context(path.string(), [&] { return parse(bytes); });
}

}  // namespace mj
