// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mj/ir/graph.h"

namespace mj {

/// A member of an architecture family, e.g. "resnet-8-w16-s2": how deep, how wide, at which resolution.
struct Architecture {
  std::string family;   ///< one of `architecture_families`
  int depth = 20;       ///< layers with weights (resnet: 6n + 2)
  int width = 16;       ///< channels of the first stage; what else it means to a family: `family.h`
  int stem_stride = 1;  ///< the first convolution's stride, 1, 2 or 4: the resolution of everything behind it is divided by it

  bool operator==(const Architecture&) const = default;
};

/// "resnet-20-w16-s1"; the parts after the depth may be left out when parsing (the family's published width, stride 1).
std::string to_text(const Architecture& architecture);
Architecture parse_architecture(std::string_view text);
/// Names of the families.
std::vector<std::string> architecture_families();

/// The network with fresh weights (He-normal by `seed`, batch-norm at identity), input {H,W,C}, output `logits`.
Graph build(const Architecture& architecture, const Shape& input, std::int64_t classes, std::uint64_t seed);

/// Members of the family with less depth, width or resolution than `teacher`, the largest first.
std::vector<Architecture> students_of(const Architecture& teacher);

/// The architecture a graph was built from (its metadata key `millijoule.architecture`), if it says.
std::string architecture_of(const Graph& graph);
/// For a graph that is cut down and no member of its family any more.
void forget_architecture(Graph& graph);

}  // namespace mj
