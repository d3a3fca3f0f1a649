// SPDX-License-Identifier: Apache-2.0
// What reading a model file costs, in a process that has read none before: processor seconds, and the most memory beyond that of the
// program itself. "read_model make OUT" writes a network of 10 MB to read.
#include <fmt/format.h>

#include <cstdio>
#include <ctime>
#include <filesystem>
#include <string>

#include "mj/arch/architecture.h"
#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/text.h"
#include "mj/io/onnx.h"

namespace {

/// A line of /proc/self/status, in bytes.
double status_bytes(const std::string& key) {
  const std::string text = mj::read_text("/proc/self/status");
  const auto at = text.find(key + ":");
  return at == std::string::npos ? 0 : 1024.0 * std::stod(text.substr(at + key.size() + 1));
}

void measure(const std::string& path) {
  const auto size = static_cast<double>(std::filesystem::file_size(path));
  const double before = status_bytes("VmRSS");
  const std::clock_t start = std::clock();
  const mj::Graph graph = mj::read_model(path);
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  fmt::print("| {} | {:.2f} MB | {:.3f} s | {:.2f} |\n", std::filesystem::path(path).filename().string(), size / 1e6,
             seconds, (status_bytes("VmHWM") - before) / size);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 3 && std::string(argv[1]) == "make") {
      mj::write_onnx(argv[2], mj::build(mj::parse_architecture("resnet-20-w48"), {32, 32, 3}, 10, 1));
    } else if (argc == 2) {
      measure(argv[1]);
    } else {
      fmt::print(stderr, "usage: {} (MODEL | make OUT.onnx)\n", argv[0]);
      return 2;
    }
  } catch (const mj::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
