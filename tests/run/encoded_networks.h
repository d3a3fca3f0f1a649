// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "mj/ir/graph.h"

namespace mj {

/// Every kind of layer that has weights (dense, grouped, pointwise and dilated convolutions, linear layers over rows and over
/// a long vector), each with its weights stored so and at several densities, on one image of 6x5x4 or 30x25x4; lowered.
Graph network_of_encoded_layers(Encoding encoding, std::uint64_t seed, bool large);

/// Zeros in the weights of a lowered network and an encoding for each, all drawn by `seed`.
Graph with_random_encodings(Graph graph, std::uint64_t seed);

}  // namespace mj
