// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "mj/base/error.h"

namespace mj {

/// The numbers a training computes with. With `bfloat16` convolutions and activations of height and width have 8 bits of
/// mantissa; weights, the statistics of batch-norm, everything behind the flattening, losses and the optimiser stay in float32, and
/// so does every accuracy that is measured. On processors with AMX or AVX512-BF16 a training takes about half the time, on
/// others more.
enum class Precision { kFloat32, kBfloat16 };

/// "float32" or "bfloat16".
inline std::string to_text(Precision precision) { return precision == Precision::kFloat32 ? "float32" : "bfloat16"; }

/// The reverse; throws `Error` listing the names. Inline, as specs are read by builds without training, too.
inline Precision parse_precision(std::string_view text) {
  for (Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    if (to_text(precision) == text) return precision;
  }
  fail("unknown precision '{}'; expected float32 or bfloat16", text);
}

}  // namespace mj
