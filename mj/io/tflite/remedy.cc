// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "mj/io/tflite/importer.h"

namespace mj::tflite {
namespace {

struct Remedy {
  BuiltinOperator code;
  const char* text;
};

using enum BuiltinOperator;

constexpr Remedy kRemedies[] = {
    {ARG_MAX, "returns an index; convert the network up to its logits"},
    {ARG_MIN, "returns an index; convert the network up to its logits"},
    {TOPK_V2, "returns indices; convert the network up to its logits"},
    {LOG_SOFTMAX, "not available; convert the network up to its logits"},
    {NON_MAX_SUPPRESSION_V4, "part of a detector; convert the network up to its logits"},
    {NON_MAX_SUPPRESSION_V5, "part of a detector; convert the network up to its logits"},
    {L2_NORMALIZATION, "not available; use batch normalisation"},
    {LOCAL_RESPONSE_NORMALIZATION, "not available; use batch normalisation"},
    {L2_POOL_2D, "not available; use average or maximum pooling"},
    {TRANSPOSE_CONV, "not available; this is for classifiers, use a convolution with a stride"},
    {CONV_3D, "not available; use Conv2D"},
    {RESIZE_BILINEAR, "not available; resize the images before the network"},
    {RESIZE_NEAREST_NEIGHBOR, "not available; resize the images before the network"},
    {SPACE_TO_BATCH_ND, "moves rows into the batch; convert again with a newer TensorFlow, which writes a dilation"},
    {BATCH_TO_SPACE_ND, "moves rows into the batch; convert again with a newer TensorFlow, which writes a dilation"},
    {SPACE_TO_DEPTH, "not available; use a convolution with a stride"},
    {DEPTH_TO_SPACE, "not available; use a convolution with a stride"},
    {MIRROR_PAD, "not available; pad with zeros"},
    {LSTM, "recurrent; use convolutions over time"},
    {RNN, "recurrent; use convolutions over time"},
    {SVDF, "recurrent; use convolutions over time"},
    {UNIDIRECTIONAL_SEQUENCE_LSTM, "recurrent; use convolutions over time"},
    {UNIDIRECTIONAL_SEQUENCE_RNN, "recurrent; use convolutions over time"},
    {BIDIRECTIONAL_SEQUENCE_LSTM, "recurrent; use convolutions over time"},
    {BIDIRECTIONAL_SEQUENCE_RNN, "recurrent; use convolutions over time"},
    {IF, "control flow; convert a network without branches"},
    {WHILE, "control flow; convert a network without loops"},
    {CALL_ONCE, "state kept between inferences; convert a network without state"},
    {VAR_HANDLE, "state kept between inferences; convert a network without state"},
    {READ_VARIABLE, "state kept between inferences; convert a network without state"},
    {ASSIGN_VARIABLE, "state kept between inferences; convert a network without state"},
    {ELU, "not available; use Relu or LeakyRelu"},
    {GELU, "not available; use Relu or HardSwish"},
    {DIV, "not available; multiply by the reciprocal"},
    {MAXIMUM, "not available; use Relu or Relu6"},
    {MINIMUM, "not available; use Relu or Relu6"},
    {SUM, "not available; use a mean"},
    {REDUCE_MAX, "not available; use MaxPool2D"},
    {BATCH_MATMUL, "not available; use a fully connected layer"},
    {FAKE_QUANT, "left over from training; convert with optimisations, so that it becomes a quantisation"},
    {DENSIFY, "weights are stored as sparse tensors; convert without sparsity"},
    {CAST, "not available; convert with float or int8 inputs"},
};

}  // namespace

std::string remedy(const OperatorView& op) {
  if (op.code() == CUSTOM) {
    return op.op().starts_with("Flex") ? "an operator of TensorFlow; convert with TFLITE_BUILTINS alone"
                                       : "a custom operator; convert the network without it, or cut it off before";
  }
  const auto* found = std::ranges::find(kRemedies, op.code(), &Remedy::code);
  return found == std::end(kRemedies) ? "not available; convert the network without it, or cut it off before"
                                      : found->text;
}

}  // namespace mj::tflite
