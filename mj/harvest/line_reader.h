// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mj {

/// Lines of a text file one by one through a buffer of fixed size.
class LineReader {
 public:
  /// Throws `Error` when the file cannot be opened.
  explicit LineReader(const std::filesystem::path& path);

  /// The next line without its end (LF or CR LF), valid until the next call; false at the end of the file. Throws `Error`
  /// with the line number when a line is longer than any row of a trace.
  bool next(std::string_view& line);
  void rewind();
  /// Number of the line last returned, from 1.
  std::int64_t number() const { return number_; }
  const std::string& name() const { return name_; }

 private:
  bool fill();

  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string name_;
  std::unique_ptr<std::FILE, Closer> file_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool finished_ = false;
  std::int64_t number_ = 0;
};

}  // namespace mj
