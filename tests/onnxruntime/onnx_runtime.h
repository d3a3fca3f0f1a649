// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "mj/ir/tensor.h"

namespace mj {

/// What ONNX Runtime made of one job: elements of each output, all samples in a row.
struct RuntimeResult {
  std::string error;  ///< why the model was refused, "" when it ran
  struct Output {
    std::string name;
    std::vector<std::int64_t> dims;  ///< with the batch
    std::vector<float> elements;     ///< int8 as the integers they are
  };
  std::vector<Output> outputs;
};

/// Runs models in ONNX Runtime, in one node process for many.
class OnnxRuntime {
 public:
  /// Why it cannot be used here, "" when it can.
  static std::string missing();

  explicit OnnxRuntime(const std::string& name);

  /// One input of a model: every sample's elements in the file's order, and the dims (with the batch) fed at once.
  struct Feed {
    std::vector<std::int64_t> dims;
    DType dtype = DType::kF32;
    std::vector<std::byte> elements;
  };
  /// Adds a job; `model` is the file's bytes.
  void add(std::span<const std::byte> model, std::int64_t samples, const std::vector<Feed>& feeds);
  /// One result per job, in order.
  std::vector<RuntimeResult> run();

 private:
  std::filesystem::path folder_;
  std::string jobs_;
  int count_ = 0;
};

}  // namespace mj
