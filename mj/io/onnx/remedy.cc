// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "mj/io/onnx/importer.h"

namespace mj::onnx {
namespace {

struct Remedy {
  std::string_view op;
  const char* text;
};

constexpr Remedy kRemedies[] = {
    {"ArgMax", "returns an index; export the network up to its logits"},
    {"TopK", "returns indices; export the network up to its logits"},
    {"LogSoftmax", "not available; export the network up to its logits"},
    {"LayerNormalization", "needs statistics of every sample; use BatchNormalization"},
    {"InstanceNormalization", "needs statistics of every sample; use BatchNormalization"},
    {"GroupNormalization", "needs statistics of every sample; use BatchNormalization"},
    {"LRN", "not available; use BatchNormalization"},
    {"LpNormalization", "not available; use BatchNormalization"},
    {"ConvTranspose", "not available; this is for classifiers, use Conv with a stride"},
    {"Resize", "not available; resize the images before the network"},
    {"Upsample", "not available; resize the images before the network"},
    {"LSTM", "recurrent; use convolutions over time"},
    {"GRU", "recurrent; use convolutions over time"},
    {"RNN", "recurrent; use convolutions over time"},
    {"Loop", "control flow; export a network without loops"},
    {"If", "control flow; export with constant folding, so that the branch is chosen"},
    {"Scan", "control flow; export a network without loops"},
    {"QLinearConv", "quantised operator format; quantise with QDQ format"},
    {"QLinearMatMul", "quantised operator format; quantise with QDQ format"},
    {"ConvInteger", "dynamic quantisation; quantise statically with QDQ format"},
    {"MatMulInteger", "dynamic quantisation; quantise statically with QDQ format"},
    {"DynamicQuantizeLinear", "dynamic quantisation; quantise statically with QDQ format"},
    {"Gelu", "not available; use Relu or HardSwish"},
    {"Erf", "not available (GELU?); use Relu or HardSwish"},
    {"Elu", "not available; use Relu or LeakyRelu"},
    {"Selu", "not available; use Relu or LeakyRelu"},
    {"Mish", "not available; use HardSwish"},
    {"Softplus", "not available; use Relu"},
    {"Gather", "of computed tensors is not available; use Slice or Split"},
    {"Expand", "of computed tensors is not available; broadcasting needs none"},
};

}  // namespace

std::string remedy(std::string_view op) {
  const auto* found =
      std::find_if(std::begin(kRemedies), std::end(kRemedies), [&](const Remedy& r) { return r.op == op; });
  return found == std::end(kRemedies) ? "not available; export the network without it, or cut it off before"
                                      : found->text;
}

}  // namespace mj::onnx
