// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/loss.h"

#include <cmath>
#include <utility>

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

at::Tensor decoupled_loss(const at::Tensor& student_logits, const at::Tensor& teacher_logits, const at::Tensor& labels,
                          double temperature) {
  constexpr double kOthersWeight = 8;
  const at::Tensor is_label = at::zeros_like(student_logits, at::kBool).scatter_(1, labels.unsqueeze(1), true);
  const at::Tensor student = at::log_softmax(student_logits / temperature, 1);
  const at::Tensor teacher = at::log_softmax(teacher_logits / temperature, 1);
  // Label against the rest: two probabilities a row.
  const auto label_and_rest = [&](const at::Tensor& log_probabilities) {
    const at::Tensor label = log_probabilities.gather(1, labels.unsqueeze(1)).squeeze(1);
    const at::Tensor rest = at::logsumexp(log_probabilities.masked_fill(is_label, -INFINITY), 1);
    return std::pair{label, rest};
  };
  const auto [student_label, student_rest] = label_and_rest(student);
  const auto [teacher_label, teacher_rest] = label_and_rest(teacher);
  const at::Tensor target = teacher_label.exp() * (teacher_label - student_label) +
                            teacher_rest.exp() * (teacher_rest - student_rest);
  // Among the rest: probabilities that leave the label out.
  const at::Tensor teacher_others = teacher - teacher_rest.unsqueeze(1), student_others = student - student_rest.unsqueeze(1);
  const at::Tensor others =
      (teacher_others.exp() * (teacher_others - student_others)).masked_fill(is_label, 0).sum(1);
  return (target + kOthersWeight * others).mean() * (temperature * temperature);
}

at::Tensor standardised(const at::Tensor& logits) {
  const at::Tensor centred = logits - logits.mean(1, /*keepdim=*/true);
  return centred / (centred.pow(2).mean(1, /*keepdim=*/true).sqrt() + 1e-7);
}

}  // namespace mj
