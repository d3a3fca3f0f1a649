// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "mj/flow/compress_job.h"

namespace mj {

/// What became of every convolution and linear layer of a lowered network that was `before`. The bytes add up to
/// `constant_bytes` but for tables.
std::vector<CompressedLayer> layer_report(const Graph& before, const Graph& lowered, const CompressSearch& search,
                                          const Estimate& estimate);

}  // namespace mj
