// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "mj/base/error.h"
#include "mj/io/tflite/tensor_view.h"

namespace mj::tflite {

using BuiltinOperator = mj_tflite::BuiltinOperator;

/// Thrown while an operator is converted that has no counterpart; the importer collects all of them.
struct UnsupportedOperator {
  std::string reason;
};

template <class... Args>
[[noreturn]] void unsupported(fmt::format_string<Args...> format, Args&&... args) {
  throw UnsupportedOperator{fmt::format(format, std::forward<Args>(args)...)};
}

/// One operator of the file: checked access to its code, its tensors and its options. Indices of tensors are in range
/// once `check` has passed.
class OperatorView {
 public:
  OperatorView(const mj_tflite::Model& model, const mj_tflite::SubGraph& graph, const mj_tflite::Operator& op)
      : model_(&model), graph_(&graph), op_(&op) {}

  /// Throws `Error` on an operator code, a tensor or an option that does not exist.
  void check() const;

  /// Operators have no names of their own: the name of the first output.
  std::string name() const;
  BuiltinOperator code() const;
  /// "CONV_2D"; a custom operator's own name; "operator 207" for codes without a name.
  std::string op() const;
  /// "node 'conv1/Relu' (CONV_2D)".
  std::string where() const;

  int input_count() const { return op_->inputs() ? static_cast<int>(op_->inputs()->size()) : 0; }
  int output_count() const { return op_->outputs() ? static_cast<int>(op_->outputs()->size()) : 0; }
  /// False for what is left out.
  bool has_input(int i) const { return i < input_count() && input_index(i) >= 0; }
  int input_index(int i) const { return op_->inputs()->Get(static_cast<flatbuffers::uoffset_t>(i)); }
  int output_index(int i) const { return op_->outputs()->Get(static_cast<flatbuffers::uoffset_t>(i)); }
  /// Throws `Error` when it is left out.
  TensorView input(int i) const;
  TensorView output(int i) const;
  TensorView tensor(int index) const;

  /// Throws `Error` unless there are this many of each; inputs above `least` may be left out.
  void expect(int least_inputs, int most_inputs, int outputs = 1) const;

  /// Options of type T, null when there are none; throws `Error` when they are of another type.
  template <class T>
  const T* optional_options() const {
    if (op_->builtin_options_type() == mj_tflite::BuiltinOptions::NONE) return nullptr;
    const T* options = op_->builtin_options_as<T>();
    if (!options) {
      fail("has {}; expected {}", options_name(op_->builtin_options_type()), options_name(expected_options<T>()));
    }
    return options;
  }
  /// The same; throws `Error` when there are none.
  template <class T>
  const T& options() const {
    const T* options = optional_options<T>();
    if (!options) fail("has no options; expected {}", options_name(expected_options<T>()));
    return *options;
  }

 private:
  const mj_tflite::OperatorCode* operator_code() const;
  template <class T>
  static mj_tflite::BuiltinOptions expected_options() {
    return mj_tflite::BuiltinOptionsTraits<T>::enum_value;
  }
  static std::string options_name(mj_tflite::BuiltinOptions type);

  const mj_tflite::Model* model_;
  const mj_tflite::SubGraph* graph_;
  const mj_tflite::Operator* op_;
};

}  // namespace mj::tflite
