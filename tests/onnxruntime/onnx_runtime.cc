// SPDX-License-Identifier: Apache-2.0
#include "onnx_runtime.h"

#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/process.h"

namespace mj {
namespace {

std::filesystem::path modules_folder() {
  const char* given = std::getenv("MJ_ONNXRUNTIME");
  return given ? std::filesystem::path(given) : std::filesystem::path(MJ_SOURCE_DIR) / "build" / "onnxruntime";
}

}  // namespace

std::string OnnxRuntime::missing() {
  static const std::string why = [] {
    const auto folder = modules_folder();
    if (!std::filesystem::exists(folder / "node_modules" / "onnxruntime-node")) {
      return "no ONNX Runtime in " + folder.string() + "; scripts/setup-onnxruntime installs it";
    }
    const std::string load = "require('module').createRequire(process.argv[1] + '/x.js')('onnxruntime-node')";
    try {
      const auto loaded = run_process({"node", "-e", load, std::filesystem::absolute(folder).string()});
      return loaded.exit_code == 0 ? std::string() : "ONNX Runtime cannot be loaded by node: " + loaded.errors;
    } catch (const Error& error) {
      return std::string(error.what());
    }
  }();
  return why;
}

OnnxRuntime::OnnxRuntime(const std::string& name)
    : folder_(std::filesystem::path(MJ_BINARY_DIR) / "tests_onnxruntime" / name) {
  std::filesystem::remove_all(folder_);
  std::filesystem::create_directories(folder_);
}

void OnnxRuntime::add(std::span<const std::byte> model, std::int64_t samples, const std::vector<Feed>& feeds) {
  const auto path = folder_ / fmt::format("{}.onnx", count_);
  write_file(path, model);
  nlohmann::json inputs = nlohmann::json::array();
  for (std::size_t k = 0; k < feeds.size(); ++k) {
    const auto file = folder_ / fmt::format("{}.in{}", count_, k);
    write_file(file, feeds[k].elements);
    inputs.push_back({{"file", file.string()},
                      {"dims", feeds[k].dims},
                      {"type", feeds[k].dtype == DType::kI8 ? "int8" : "float32"}});
  }
  const nlohmann::json job{{"model", path.string()}, {"samples", samples}, {"inputs", inputs}};
  jobs_ += (count_++ == 0 ? "" : ",\n") + job.dump();
}

std::vector<RuntimeResult> OnnxRuntime::run() {
  const auto jobs = folder_ / "jobs.json", results = folder_ / "results.json";
  write_file(jobs, "[" + jobs_ + "]");
  const auto script = std::filesystem::path(MJ_SOURCE_DIR) / "tests" / "onnxruntime" / "run_models.cjs";
  const auto ran = run_process({"node", script.string(), modules_folder().string(), jobs.string(), results.string()});
  if (ran.exit_code != 0) fail("node ended with {}: {}", ran.exit_code, ran.errors);
  std::vector<RuntimeResult> all;
  const auto json = nlohmann::json::parse(read_text(results));
  for (const auto& entry : json.at("results")) {
    RuntimeResult result;
    result.error = entry.value("error", "");
    const auto model = (folder_ / fmt::format("{}.onnx", all.size())).string();
    for (const auto& output : entry.value("outputs", nlohmann::json::array())) {
      const auto bytes = read_file(fmt::format("{}.out{}", model, result.outputs.size()));
      RuntimeResult::Output out{output.at("name"), output.at("dims"), {}};
      if (output.at("type") == "int8") {
        for (const std::byte b : bytes) out.elements.push_back(static_cast<std::int8_t>(b));
      } else {
        out.elements.resize(bytes.size() / sizeof(float));
        std::memcpy(out.elements.data(), bytes.data(), bytes.size());
      }
      result.outputs.push_back(std::move(out));
    }
    all.push_back(std::move(result));
  }
  return all;
}

}  // namespace mj
