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

/// T^2 * (TCKD + 8 NCKD), mean over the batch: the same divergence taken apart into that of the label against all other
/// classes (TCKD) and that among the others (NCKD), so that a confident teacher's opinion of the others is not drowned
/// (Zhao et al., Decoupled knowledge distillation, CVPR 2022, with its weights 1 and 8). `labels` {n}, int64.
at::Tensor decoupled_loss(const at::Tensor& student_logits, const at::Tensor& teacher_logits, const at::Tensor& labels,
                          double temperature);

/// Each row minus its mean, divided by its standard deviation (of the population, plus 1e-7): the shape of the logits
/// without their size (Sun et al., Logit standardization in knowledge distillation, CVPR 2024).
at::Tensor standardised(const at::Tensor& logits);

}  // namespace mj
