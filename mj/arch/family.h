// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "mj/arch/architecture.h"

namespace mj {

/// A family of architectures: a network for each depth, width and resolution.
struct ArchitectureFamily {
  std::string_view name;
  /// Throws `Error` when the family has no such member.
  void (*check)(const Architecture& architecture);
  Graph (*build)(const Architecture& architecture, const Shape& input, std::int64_t classes, std::uint64_t seed);
  /// Every smaller member, in any order.
  std::vector<Architecture> (*smaller)(const Architecture& architecture);
  /// A number that grows with the multiply-accumulates of the member on any input.
  double (*work)(const Architecture& architecture);
};

/// He et al., Deep residual learning for image recognition, CVPR 2016, section 4.2.
extern const ArchitectureFamily kResnet;

}  // namespace mj
