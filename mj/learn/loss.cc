// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/loss.h"

namespace mj {

at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& labels, double smoothing) {
  const at::Tensor log_probabilities = at::log_softmax(logits, 1);
  const at::Tensor hard = -log_probabilities.gather(1, labels.unsqueeze(1)).mean();
  if (smoothing == 0) return hard;
  return (1 - smoothing) * hard - smoothing * log_probabilities.mean();
}

at::Tensor distillation_loss(const at::Tensor& student_logits, const at::Tensor& teacher_logits, double temperature) {
  const at::Tensor student = at::log_softmax(student_logits / temperature, 1);
  const at::Tensor teacher = at::log_softmax(teacher_logits / temperature, 1);
  const at::Tensor divergence = (teacher.exp() * (teacher - student)).sum(1).mean();
  return divergence * (temperature * temperature);
}

}  // namespace mj
