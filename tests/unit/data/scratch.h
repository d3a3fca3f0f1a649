// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "mj/base/error.h"
#include "mj/data/dataset.h"
#include "tests/unit/error_of.h"

namespace mj::test {

/// A folder of the running test alone, removed at the end.
class Scratch {
 public:
  Scratch() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::path(testing::TempDir()) /
            ("mj_" + std::to_string(getpid()) + "_" + info->test_suite_name() + "_" + info->name());
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Scratch() { std::filesystem::remove_all(path_); }

  const std::filesystem::path& path() const { return path_; }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

  void write(const std::string& name, const std::string& bytes) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << bytes;
  }

 private:
  std::filesystem::path path_;
};

/// What is said of the data set of this format in the folder, "" when it can be read.
inline std::string read_error(const std::string& format, const Scratch& dir, Half half = Half::kBoth) {
  return error_of([&] { read_dataset(format + ":" + dir.path().string(), half); });
}

inline std::string gzip(const std::string& bytes) {
  z_stream z{};
  deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, bytes.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

inline std::string big_endian(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

/// Data for trying the software on real things: `MJ_SHARED`, else `shared` beside the source tree. Empty when absent.
inline std::filesystem::path shared_data(const std::string& name) {
  const char* chosen = std::getenv("MJ_SHARED");
  const std::filesystem::path root =
      chosen != nullptr ? std::filesystem::path(chosen) : std::filesystem::path(MJ_SOURCE_DIR) / ".." / "shared";
  const std::filesystem::path path = root / "data" / name;
  return std::filesystem::exists(path) ? path : std::filesystem::path();
}

}  // namespace mj::test
