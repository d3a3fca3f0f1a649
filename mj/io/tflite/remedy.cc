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

constexpr Remedy kRemedies[] = {
    {BuiltinOperator::ARG_MAX, "returns an index; convert the network up to its logits"},
    {BuiltinOperator::ARG_MIN, "returns an index; convert the network up to its logits"},
    {BuiltinOperator::TOPK_V2, "returns indices; convert the network up to its logits"},
    {BuiltinOperator::LOG_SOFTMAX, "not available; convert the network up to its logits"},
    {BuiltinOperator::NON_MAX_SUPPRESSION_V4, "part of a detector; convert the network up to its logits"},
    {BuiltinOperator::NON_MAX_SUPPRESSION_V5, "part of a detector; convert the network up to its logits"},
    {BuiltinOperator::L2_NORMALIZATION, "not available; use batch normalisation"},
    {BuiltinOperator::LOCAL_RESPONSE_NORMALIZATION, "not available; use batch normalisation"},
    {BuiltinOperator::L2_POOL_2D, "not available; use average or maximum pooling"},
    {BuiltinOperator::TRANSPOSE_CONV, "not available; this is for classifiers, use a convolution with a stride"},
    {BuiltinOperator::CONV_3D, "not available; use Conv2D"},
    {BuiltinOperator::RESIZE_BILINEAR, "not available; resize the images before the network"},
    {BuiltinOperator::RESIZE_NEAREST_NEIGHBOR, "not available; resize the images before the network"},
    {BuiltinOperator::SPACE_TO_BATCH_ND,
     "moves rows into the batch; convert again with a newer TensorFlow, which writes a dilation"},
    {BuiltinOperator::BATCH_TO_SPACE_ND,
     "moves rows into the batch; convert again with a newer TensorFlow, which writes a dilation"},
    {BuiltinOperator::SPACE_TO_DEPTH, "not available; use a convolution with a stride"},
    {BuiltinOperator::DEPTH_TO_SPACE, "not available; use a convolution with a stride"},
    {BuiltinOperator::MIRROR_PAD, "not available; pad with zeros"},
    {BuiltinOperator::LSTM, "recurrent; use convolutions over time"},
    {BuiltinOperator::RNN, "recurrent; use convolutions over time"},
    {BuiltinOperator::SVDF, "recurrent; use convolutions over time"},
    {BuiltinOperator::UNIDIRECTIONAL_SEQUENCE_LSTM, "recurrent; use convolutions over time"},
    {BuiltinOperator::UNIDIRECTIONAL_SEQUENCE_RNN, "recurrent; use convolutions over time"},
    {BuiltinOperator::BIDIRECTIONAL_SEQUENCE_LSTM, "recurrent; use convolutions over time"},
    {BuiltinOperator::BIDIRECTIONAL_SEQUENCE_RNN, "recurrent; use convolutions over time"},
    {BuiltinOperator::IF, "control flow; convert a network without branches"},
    {BuiltinOperator::WHILE, "control flow; convert a network without loops"},
    {BuiltinOperator::CALL_ONCE, "state kept between inferences; convert a network without state"},
    {BuiltinOperator::VAR_HANDLE, "state kept between inferences; convert a network without state"},
    {BuiltinOperator::READ_VARIABLE, "state kept between inferences; convert a network without state"},
    {BuiltinOperator::ASSIGN_VARIABLE, "state kept between inferences; convert a network without state"},
    {BuiltinOperator::ELU, "not available; use Relu or LeakyRelu"},
    {BuiltinOperator::GELU, "not available; use Relu or HardSwish"},
    {BuiltinOperator::DIV, "not available; multiply by the reciprocal"},
    {BuiltinOperator::MAXIMUM, "not available; use Relu or Relu6"},
    {BuiltinOperator::MINIMUM, "not available; use Relu or Relu6"},
    {BuiltinOperator::SUM, "not available; use a mean"},
    {BuiltinOperator::REDUCE_MAX, "not available; use MaxPool2D"},
    {BuiltinOperator::BATCH_MATMUL, "not available; use a fully connected layer"},
    {BuiltinOperator::FAKE_QUANT,
     "left over from training; convert with optimisations, so that it becomes a quantisation"},
    {BuiltinOperator::DENSIFY, "weights are stored as sparse tensors; convert without sparsity"},
    {BuiltinOperator::CAST, "not available; convert with float or int8 inputs"},
};

}  // namespace

std::string remedy(const OperatorView& op) {
  if (op.code() == BuiltinOperator::CUSTOM) {
    return op.op().starts_with("Flex") ? "an operator of TensorFlow; convert with TFLITE_BUILTINS alone"
                                       : "a custom operator; convert the network without it, or cut it off before";
  }
  const auto* found = std::ranges::find(kRemedies, op.code(), &Remedy::code);
  return found == std::end(kRemedies) ? "not available; convert the network without it, or cut it off before"
                                      : found->text;
}

}  // namespace mj::tflite
