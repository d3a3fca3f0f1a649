// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/ir/graph.h"

namespace mj::onnx {

/// Turns what lies between dequantising and quantising nodes into integer operators.
///
/// An operator whose computed inputs all come out of i8 values, and whose output (behind a clamp it can fuse) is only
/// quantised again, becomes an i8 operator. Operators that only move elements work on the integers and the conversion
/// goes behind them. A conversion there and back cancels; from one quantisation to another it becomes a requantisation.
/// What is left in real numbers keeps i8 weights where it can (hybrid).
Graph fold_quantize(Graph graph);

}  // namespace mj::onnx
