// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mj/ir/graph.h"

namespace mj {

/// The kernel of the runtime that executes a node; platforms hold one cost line for each.
enum class Kernel : std::uint8_t {
  kConv,       ///< conv2d that sums over channels
  kDepthwise,  ///< conv2d with one input channel per group
  kLinear,
  kConvEncoded,    ///< stand for conv2d and linear with weights of any encoding but plain int8
  kLinearEncoded,
  kPool,         ///< avg_pool
  kMaxPool,
  kMean,
  kElementwise,  ///< add, sub
  kProduct,      ///< mul, prelu
  kTable,        ///< functions of one element
  kMove,         ///< copies: concat, transpose, pad, slice
  kSoftmax,
  kNone,  ///< costs nothing when executed (reshape)
  // Conv2d and linear by the encoding of their weights: all of `all_encodings()` but plain int8, in its order.
  kConvDenseInt4,
  kConvBitmapInt8,
  kConvBitmapInt4,
  kConvRelativeInt8,
  kConvRelativeInt4,
  kConvBlock4Int8,
  kConvBlock4Int4,
  kLinearDenseInt4,
  kLinearBitmapInt8,
  kLinearBitmapInt4,
  kLinearRelativeInt8,
  kLinearRelativeInt4,
  kLinearBlock4Int8,
  kLinearBlock4Int4,
};
inline constexpr int kKernelCount = 28;

/// "conv", "depthwise", "linear", "conv_encoded", "linear_encoded", "pool", "max_pool", "mean", "elementwise", "product",
/// "table", "move", "softmax", "none", "conv_dense_int4", ..., "linear_block4_int4".
const char* kernel_name(Kernel kernel);
/// The kernel that stands for one that a platform says nothing about: pool for max_pool and mean, elementwise for product
/// and table, conv_encoded and linear_encoded for those of each encoding, itself for all others.
Kernel general_kernel(Kernel kernel);
/// Of a conv2d that sums over channels, or of a linear, whose weights are stored so.
Kernel conv_kernel(Encoding encoding);
Kernel linear_kernel(Encoding encoding);
/// Whether it copies the windows of an image one by one, each for all output channels: a conv2d that sums over channels.
bool copies_windows(Kernel kernel);

/// Counts of one node for one sample; what energy and latency are computed from.
struct Cost {
  Kernel kernel = Kernel::kNone;
  std::int64_t macs = 0;     ///< multiply-accumulates (window elements for pools); of encoded weights the stored elements
  std::int64_t outputs = 0;  ///< elements written
  Bytes weight_bytes = 0;    ///< constants read, in their stored form
  Bytes activation_in_bytes = 0;
  Bytes activation_out_bytes = 0;
  std::int64_t symbols = 0;  ///< steps of decoding weights (see `EncodedSize`), for every output that needs them again
  /// Elements of windows that are read: copied by convolutions, padding included; elsewhere those inside the input. Of
  /// copies, elements that are moved one by one.
  std::int64_t gathered = 0;
  /// Runs of elements that inner loops go along: rows of windows, lines of copies and of element-wise work.
  std::int64_t runs = 0;
  /// Places that windows are laid at, for all channels together; of convolutions once per group.
  std::int64_t windows = 0;
  std::int64_t calls = 1;  ///< of the kernel

  bool operator==(const Cost&) const = default;
};

/// The counts of one node of a verified graph. Multiply-accumulates with padding count, as published figures do;
/// element-wise operators have none. A count above 2^63-1 stays there.
Cost cost(const Graph& graph, const Node& node);

/// The weight of a conv2d or linear if it is not stored as plain int8, else null.
const Value* encoded_weight(const Graph& graph, const Node& node);

/// Multiply-accumulates of convolutions and linear layers, which is what published figures count (of encoded weights, the
/// stored elements).
std::int64_t total_macs(const Graph& graph);
/// Elements of all constants that nodes read, each counted once; the running mean and variance of batch-norms are
/// statistics and not parameters, again as published figures have it.
std::int64_t parameter_count(const Graph& graph);
/// Their bytes as stored.
Bytes parameter_bytes(const Graph& graph);

}  // namespace mj
