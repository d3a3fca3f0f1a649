// SPDX-License-Identifier: Apache-2.0
#include "mj/io/tflite/operator_view.h"

#include <algorithm>

namespace mj::tflite {
namespace {

// Many operators may share one list of the file; this bounds the time to walk them all.
constexpr int kMostInputs = 4096;

}  // namespace

const mj_tflite::OperatorCode* OperatorView::operator_code() const {
  const auto* codes = model_->operator_codes();
  const std::uint32_t index = op_->opcode_index();
  return codes && index < codes->size() ? codes->Get(index) : nullptr;
}

BuiltinOperator OperatorView::code() const {
  const auto* entry = operator_code();
  // Files of before 2020 have the narrow field alone, newer ones both where the code fits.
  return entry ? std::max(entry->builtin_code(), static_cast<BuiltinOperator>(entry->deprecated_builtin_code()))
               : BuiltinOperator::CUSTOM;
}

std::string OperatorView::op() const {
  if (code() == BuiltinOperator::CUSTOM) {
    const auto* entry = operator_code();
    return entry && entry->custom_code() ? printable_name(entry->custom_code()) : "CUSTOM";
  }
  const std::string name = mj_tflite::EnumNameBuiltinOperator(code());
  return name.empty() ? fmt::format("operator {}", static_cast<int>(code())) : name;
}

std::string OperatorView::options_name(mj_tflite::BuiltinOptions type) {
  const std::string name = mj_tflite::EnumNameBuiltinOptions(type);
  return name.empty() ? fmt::format("options of type {}", static_cast<int>(type)) : name;
}

std::string OperatorView::name() const {
  const auto count = static_cast<int>(graph_->tensors()->size());
  if (output_count() == 0 || output_index(0) < 0 || output_index(0) >= count) return "";
  return output(0).name();
}

std::string OperatorView::where() const { return fmt::format("node '{}' ({})", name(), op()); }

void OperatorView::check() const {
  if (!operator_code()) {
    fail("has operator code {}; the file has {}", op_->opcode_index(),
         model_->operator_codes() ? model_->operator_codes()->size() : 0);
  }
  const auto count = static_cast<int>(graph_->tensors()->size());
  if (input_count() > kMostInputs) fail("has {} inputs; expected at most {}", input_count(), kMostInputs);
  for (int i = 0; i < input_count(); ++i) {
    if (input_index(i) < -1 || input_index(i) >= count) {
      fail("input {} is tensor {}; the file has {}", i, input_index(i), count);
    }
  }
  if (output_count() == 0) fail("has no outputs; expected 1 or more");
  for (int i = 0; i < output_count(); ++i) {
    if (output_index(i) < 0 || output_index(i) >= count) {
      fail("output {} is tensor {}; the file has {}", i, output_index(i), count);
    }
  }
}

TensorView OperatorView::tensor(int index) const {
  return {*model_, *graph_->tensors()->Get(static_cast<flatbuffers::uoffset_t>(index))};
}

TensorView OperatorView::input(int i) const {
  if (!has_input(i)) fail("has no input {}; expected one", i);
  return tensor(input_index(i));
}

TensorView OperatorView::output(int i) const { return tensor(output_index(i)); }

void OperatorView::expect(int least_inputs, int most_inputs, int outputs) const {
  if (input_count() < least_inputs || input_count() > most_inputs) {
    if (least_inputs == most_inputs) fail("has {} inputs; expected {}", input_count(), least_inputs);
    fail("has {} inputs; expected {} to {}", input_count(), least_inputs, most_inputs);
  }
  if (output_count() != outputs) fail("has {} outputs; expected {}", output_count(), outputs);
  for (int i = 0; i < least_inputs; ++i) input(i);
}

}  // namespace mj::tflite
