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

/// Throws `Error` unless depth and stem stride are listed and the width is 1 to `max_width`.
void check_listed(const Architecture& architecture, std::span<const int> depths, int max_width, std::span<const int> stem_strides);

/// He et al., Deep residual learning for image recognition, CVPR 2016, section 4.2.
extern const ArchitectureFamily kResnet;
/// The same, table 1: residual blocks of 1x1, 3x3 and 1x1 convolutions in four stages. Width: channels of the stem (64).
extern const ArchitectureFamily kBottleneck;
/// Huang et al., Densely connected convolutional networks, CVPR 2017. Width: the growth rate (32).
extern const ArchitectureFamily kDensenet;
/// The same, section 4.1, for images of 32 pixels: three blocks of plain 3x3 layers. Width: the growth rate (12).
extern const ArchitectureFamily kDensenetCifar;
/// Simonyan and Zisserman, Very deep convolutional networks for large-scale image recognition, ICLR 2015, with batch-norm and
/// one fully connected layer behind a mean, as is usual for small images. Width: channels of the first stage (64).
extern const ArchitectureFamily kVgg;
/// Howard et al., MobileNets, arXiv:1704.04861. Width: channels of the stem (32); 8 is the multiplier 0.25.
extern const ArchitectureFamily kMobilenet;
/// Sandler et al., MobileNetV2, CVPR 2018. Width: channels of the stem (32); the layer before the classifier scales with it.
extern const ArchitectureFamily kMobilenetV2;
/// Zhang et al., Hello edge: keyword spotting on microcontrollers, arXiv:1711.07128, in the form of MLPerf Tiny. Width:
/// channels (64); the input is a spectrogram of time x coefficients.
extern const ArchitectureFamily kDscnn;
/// LeCun et al., Gradient-based learning applied to document recognition, 1998, LeNet-5, with batch-norm, rectifiers and
/// maxima. Width: channels of the first layer (6).
extern const ArchitectureFamily kLenet;
/// Convolutions and pools in three blocks, then linear layers. Depth: convolutions in all; width: channels of the first block.
extern const ArchitectureFamily kPlain;

}  // namespace mj
