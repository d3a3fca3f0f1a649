// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/evaluate_conv.h"

namespace mj::detail {

// Real inputs with int8 weights are computed in float with the dequantised weights: what TFLite calls hybrid would
// quantise every input anew, which depends on the version and is not defined for microcontrollers.
Step prepare(const Conv2d& op, const NodeContext& context) {
  return arithmetic(context) == Arithmetic::kFloat ? prepare_float_conv(op, context) : prepare_int8_conv(op, context);
}

Step prepare(const Linear& op, const NodeContext& context) {
  return arithmetic(context) == Arithmetic::kFloat ? prepare_float_linear(op, context)
                                                   : prepare_int8_linear(op, context);
}

}  // namespace mj::detail
