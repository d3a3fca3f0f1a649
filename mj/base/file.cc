// SPDX-License-Identifier: Apache-2.0
#include "mj/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "mj/base/error.h"

namespace mj {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

/// A rename is only safe against power loss once the folder that holds the name is flushed too.
void flush_directory(const std::filesystem::path& directory) {
  const Descriptor fd(::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() >= 0) ::fsync(fd.get());
}

}  // namespace

std::vector<std::byte> read_file(const std::filesystem::path& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) {
    if (errno == ENOENT || errno == ENOTDIR) fail("{}: no such file", path.string());
    fail("{}: cannot be read: {}", path.string(), reason(errno));
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) fail("{}: cannot be read: {}", path.string(), reason(errno));
  if (S_ISDIR(status.st_mode)) fail("{}: is a directory; expected a file", path.string());
  // The size is a hint only: pipes have none, and a file may grow or shrink while it is read.
  std::vector<std::byte> bytes(static_cast<std::size_t>(std::max<off_t>(status.st_size, 0)) + 1);
  std::size_t used = 0;
  while (true) {
    if (used == bytes.size()) bytes.resize(bytes.size() * 2);
    const ssize_t got = ::read(fd.get(), bytes.data() + used, bytes.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("{}: cannot be read: {}", path.string(), reason(errno));
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
  }
  bytes.resize(used);
  return bytes;
}

std::string read_text(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_file(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  const std::filesystem::path directory = path.parent_path();
  std::error_code error;
  if (!directory.empty()) {
    std::filesystem::create_directories(directory, error);
    if (error) fail("{}: cannot be created: {}", directory.string(), error.message());
  }
  // The process id keeps two writers apart; a file left by a killed one is replaced by the next.
  const std::filesystem::path temporary = path.string() + fmt::format(".{}.tmp", ::getpid());
  const auto give_up = [&](int cause) {
    ::unlink(temporary.c_str());
    fail("{}: cannot be written: {}", path.string(), reason(cause));
  };
  Descriptor fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (fd.get() < 0) fail("{}: cannot be written: {}", path.string(), reason(errno));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t put = ::write(fd.get(), bytes.data() + done, bytes.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) give_up(errno);
    done += static_cast<std::size_t>(put);
  }
  if (::fsync(fd.get()) != 0 && errno != EINVAL && errno != EROFS) give_up(errno);
  if (!fd.close()) give_up(errno);
  if (::rename(temporary.c_str(), path.c_str()) != 0) give_up(errno);
  flush_directory(directory);
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  write_file(path, std::as_bytes(std::span(text)));
}

void make_writable_directory(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) fail("{}: cannot be created: {}", path.string(), error.message());
  // access() lies for root and for read-only mounts: only a write tells.
  const std::filesystem::path probe = path / fmt::format(".write-test.{}.tmp", ::getpid());
  const Descriptor fd(::open(probe.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
  if (fd.get() < 0) fail("{}: not writable: {}", path.string(), reason(errno));
  ::unlink(probe.c_str());
}

}  // namespace mj
