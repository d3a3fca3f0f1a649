// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>

namespace mj {

/// Mean over the batch of the cross-entropy against the labels, each smoothed by `smoothing / classes` for every class
/// (Szegedy et al., Rethinking the Inception architecture, CVPR 2016).
at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& labels, double smoothing);

/// T^2 * KL(teacher_T || student_T), mean over the batch, with log-softmax of logits / T on both sides (Hinton,
/// Vinyals, Dean: Distilling the knowledge in a neural network, 2015). T^2 keeps the gradient's size.
at::Tensor distillation_loss(const at::Tensor& student_logits, const at::Tensor& teacher_logits, double temperature);

}  // namespace mj
