// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/ir/evaluate_step.h"

// Inside the evaluator: the two arithmetics of operators with weights.
namespace mj::detail {

Step prepare_float_conv(const Conv2d& op, const NodeContext& context);
Step prepare_float_linear(const Linear& op, const NodeContext& context);
Step prepare_int8_conv(const Conv2d& op, const NodeContext& context);
Step prepare_int8_linear(const Linear& op, const NodeContext& context);

}  // namespace mj::detail
