// SPDX-License-Identifier: Apache-2.0
#include "mj/base/npy.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "tests/unit/error_of.h"

namespace mj {
namespace {

std::filesystem::path scratch(const std::string& name) {
  return std::filesystem::path(testing::TempDir()) / (std::to_string(::getpid()) + name);
}

std::string parse_error(std::span<const std::byte> bytes) {
  return error_of([&] { parse_npy(bytes); });
}

std::vector<std::byte> file_of(const std::string& header, const std::string& data) {
  std::string text = std::string("\x93NUMPY\x01\x00", 8);
  text += static_cast<char>(header.size() & 0xff);
  text += static_cast<char>(header.size() >> 8);
  text += header + data;
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

TEST(Npy, RoundTripsAndEveryPrefixIsRefused) {
  const auto path = scratch("a.npy");
  const std::vector<float> values = {1, -2.5f, 3, 4, 5, 6};
  write_npy(path, npy_of(values, {2, 3}));
  const NpyArray back = read_npy(path);
  EXPECT_EQ(back.shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(back.as_f32(), values);
  const auto bytes = read_file(path);
  EXPECT_EQ((bytes.size() - values.size() * 4) % 64, 0u);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_THROW(parse_npy(std::span(bytes).first(n)), Error) << n;
  }
  std::filesystem::remove(path);
}

TEST(Npy, FortranOrderIsTurned) {
  const auto bytes = file_of("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", std::string("\1\4\2\5\3\6", 6));
  EXPECT_EQ(parse_npy(bytes).as_i64(), (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6}));
}

TEST(Npy, RefusesWithOneSentence) {
  EXPECT_EQ(parse_error(file_of("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", "abcd")),
            "npy element type '>f4' unsupported; expected little-endian f4 f8 i1 u1 i2 u2 i4 i8 or b1");
  EXPECT_EQ(parse_error(file_of("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }", "abcd")),
            "truncated: npy shape promises more elements than the 1 in the file");
  EXPECT_EQ(parse_error(file_of("{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }", "abcd")),
            "2 bytes after the last of 2 elements");
  EXPECT_EQ(parse_error({}), "not an npy file (it does not begin with \\x93NUMPY)");
}

TEST(File, MissingAndDirectory) {
  try {
    read_file("/nonexistent/file");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "/nonexistent/file: no such file");
  }
  try {
    read_file("/");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "/: is a directory; expected a file");
  }
}

TEST(File, WriteReplacesWholeAndLeavesNothingElse) {
  const auto directory = scratch("dir");
  write_file(directory / "a" / "b.txt", std::string_view("one"));
  write_file(directory / "a" / "b.txt", std::string_view("two"));
  EXPECT_EQ(read_text(directory / "a" / "b.txt"), "two");
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) files += entry.is_regular_file();
  EXPECT_EQ(files, 1);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace mj
