// SPDX-License-Identifier: Apache-2.0
#include "mj/harvest/line_reader.h"

#include <cerrno>
#include <cstring>
#include <system_error>

#include "mj/base/error.h"

namespace mj {
namespace {

constexpr std::size_t kBuffer = 64 * 1024;
constexpr std::size_t kLongestLine = 4096;

}  // namespace

LineReader::LineReader(const std::filesystem::path& path) : name_(path.string()), buffer_(kBuffer) {
  std::error_code code;
  if (std::filesystem::is_directory(path, code)) fail("{}: is a directory; expected a trace", name_);
  file_.reset(std::fopen(name_.c_str(), "rb"));
  if (!file_) fail("{}: {}", name_, errno == ENOENT ? "no such file" : std::strerror(errno));
}

bool LineReader::fill() {
  if (finished_) return false;
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  const std::size_t got = std::fread(buffer_.data() + end_, 1, buffer_.size() - end_, file_.get());
  if (got == 0) {
    if (std::ferror(file_.get())) fail("{}: {}", name_, std::strerror(errno));
    finished_ = true;
  }
  end_ += got;
  return got > 0;
}

bool LineReader::next(std::string_view& line) {
  std::size_t searched = 0;
  while (true) {
    const char* start = buffer_.data() + begin_;
    const auto* stop = static_cast<const char*>(std::memchr(start + searched, '\n', end_ - begin_ - searched));
    if (stop == nullptr) {
      searched = end_ - begin_;
      if (searched > kLongestLine) break;
      if (fill()) continue;
      if (begin_ == end_) return false;
      stop = buffer_.data() + end_;
      start = buffer_.data() + begin_;
    }
    line = std::string_view(start, static_cast<std::size_t>(stop - start));
    if (line.size() > kLongestLine) break;
    begin_ = std::min(end_, static_cast<std::size_t>(stop - buffer_.data()) + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++number_;
    return true;
  }
  fail("{}:{}: a line of more than {} characters; expected rows of numbers", name_, number_ + 1, kLongestLine);
}

void LineReader::rewind() {
  std::rewind(file_.get());
  begin_ = end_ = 0;
  finished_ = false;
  number_ = 0;
}

}  // namespace mj
