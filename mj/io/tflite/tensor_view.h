// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "mj/ir/type.h"
#include "tflite_generated.h"

namespace mj::tflite {

using TensorType = mj_tflite::TensorType;

/// "INT8"; "type 42" for numbers without a name.
std::string type_name(TensorType type);

/// A name of the file made fit for messages and C comments: printable ASCII, not endless.
std::string printable_name(const flatbuffers::String* name);

/// One tensor of the file: checked access to its dimensions, quantisation and contents.
class TensorView {
 public:
  TensorView(const mj_tflite::Model& model, const mj_tflite::Tensor& tensor) : model_(&model), tensor_(&tensor) {}

  std::string name() const { return printable_name(tensor_->name()); }
  /// "tensor 'conv1/weights'".
  std::string where() const;

  TensorType type() const { return tensor_->type(); }
  bool integer() const { return type() == TensorType::INT8 || type() == TensorType::UINT8; }
  /// The dtype that stands for the tensor's type in the graph; nothing where none does.
  std::optional<DType> dtype() const;

  /// Every dimension at least 1, at most `kMaxRank`; throws `Error` else.
  Shape dims() const;
  /// Whether the file states dimensions at all. A scalar does not.
  bool has_dims() const { return tensor_->shape() && tensor_->shape()->size() > 0; }
  /// Whether dimension `d` is only known at run time.
  bool free_dim(std::size_t d) const;

  /// Whether the file holds elements of it.
  bool constant() const;
  /// Exactly the bytes that its type and dimensions need; throws `Error` when the file holds others.
  std::span<const std::byte> data() const;

  bool variable() const { return tensor_->is_variable(); }
  bool sparse() const { return tensor_->sparsity() != nullptr; }
  bool custom_quantization() const;

  /// Scales and zero points, those of UINT8 less 128; nothing when the file states none. One scale counts as per
  /// tensor.
  std::optional<Quantization> quantization() const;

 private:
  const mj_tflite::Buffer* buffer() const;

  const mj_tflite::Model* model_;
  const mj_tflite::Tensor* tensor_;
};

}  // namespace mj::tflite
