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
  int default_width;  ///< what a name without -w means
  /// Throws `Error` when the family has no such member.
  void (*check)(const Architecture& architecture);
  Graph (*build)(const Architecture& architecture, const Shape& input, std::int64_t classes, std::uint64_t seed);
  /// Every smaller member, in any order.
  std::vector<Architecture> (*smaller)(const Architecture& architecture);
  /// A number that grows with the multiply-accumulates of the member on any input.
  double (*work)(const Architecture& architecture);
};

/// Every combination of these depths, widths and stem strides that is no deeper, wider or of higher resolution than
/// `largest`, whose own width counts among the widths.
std::vector<Architecture> members_up_to(const Architecture& largest, std::span<const int> depths,
                                        std::span<const int> widths, std::span<const int> stem_strides);

/// He et al., Deep residual learning for image recognition, CVPR 2016, section 4.2.
extern const ArchitectureFamily kResnet;
/// The same, table 1: residual blocks of 1x1, 3x3 and 1x1 convolutions in four stages. Width: channels of the stem (64).
extern const ArchitectureFamily kBottleneck;
/// Huang et al., Densely connected convolutional networks, CVPR 2017. Width: the growth rate (32).
extern const ArchitectureFamily kDensenet;

}  // namespace mj
