// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "mj/ir/graph.h"
#include "mj/ir/tensor.h"

namespace mj {

/// The network in the form in which it is compressed and trained again: simplified as for the device, so that nothing is
/// trained that would be stored apart, then with one batch-norm behind every convolution and linear layer but the one that
/// gives an output, before its activation. Each batch-norm starts with the mean and variance of `inputs` and a gamma and beta
/// that undo them, so the network computes what it computed (batch-norms before padded convolutions aside, see
/// `absorb_batch_norm`) and trains as if it had been built so; lowering folds it away without a trace.
///
/// `inputs` are real inputs of the network; some hundreds do. Throws `Error` without any.
Graph trainable_form(const Graph& graph, std::span<const Tensor> inputs);

}  // namespace mj
