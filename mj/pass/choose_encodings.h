// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/ir/graph.h"
#include "mj/platform/platform.h"

namespace mj {

/// Stores every int8 weight in the layout that takes the fewest bytes, with the bits it has.
///
/// Among layouts within a sixteenth of the fewest bytes, the one that costs the fewest cycles on the platform is taken;
/// without a platform the first of dense, block4, relative, bitmap. Plain int8 gives way only where that saves a
/// quarter of its bytes: who has few zeros is not worth decoding. A weight whose layout is not dense keeps it. Bits are
/// never changed: 4 are asked for by the encoding of the weight, before or after it is quantised.
Graph choose_encodings(Graph graph, const Platform* platform = nullptr);

}  // namespace mj
