// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/loss.h"

#include <gtest/gtest.h>

#include <cmath>

#include "mj/base/random.h"

namespace mj {
namespace {

using Matrix = std::vector<std::vector<double>>;

Matrix random_matrix(std::int64_t rows, std::int64_t columns, std::uint64_t seed) {
  RandomStream stream(seed);
  Matrix matrix(static_cast<std::size_t>(rows), std::vector<double>(static_cast<std::size_t>(columns)));
  for (auto& row : matrix) {
    for (double& x : row) x = 2 * stream.normal();
  }
  return matrix;
}

at::Tensor tensor_of(const Matrix& matrix) {
  at::Tensor tensor =
      at::empty({static_cast<std::int64_t>(matrix.size()), static_cast<std::int64_t>(matrix[0].size())}, at::kDouble);
  double* out = tensor.data_ptr<double>();
  for (const auto& row : matrix) out = std::ranges::copy(row, out).out;
  return tensor;
}

std::vector<double> softmax(const std::vector<double>& z, double temperature) {
  double largest = -INFINITY, sum = 0;
  for (double x : z) largest = std::max(largest, x);
  std::vector<double> p;
  for (double x : z) p.push_back(std::exp((x - largest) / temperature)), sum += p.back();
  for (double& x : p) x /= sum;
  return p;
}

TEST(DistillationLoss, IsTheMeanDivergenceTimesTemperatureSquared) {
  const Matrix student = random_matrix(5, 7, 1), teacher = random_matrix(5, 7, 2);
  for (double temperature : {0.5, 1.0, 4.0, 20.0}) {
    double expected = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      const auto p = softmax(teacher[i], temperature), q = softmax(student[i], temperature);
      for (std::size_t c = 0; c < 7; ++c) expected += p[c] * std::log(p[c] / q[c]) / 5;
    }
    expected *= temperature * temperature;
    EXPECT_NEAR(distillation_loss(tensor_of(student), tensor_of(teacher), temperature).item<double>(), expected, 1e-12);
  }
}

// d/dz of T^2 KL is T (softmax(student/T) - softmax(teacher/T)) / n.
TEST(DistillationLoss, GradientIsTheClosedFormAndTheFiniteDifference) {
  const Matrix student = random_matrix(4, 6, 3), teacher = random_matrix(4, 6, 4);
  const double temperature = 3;
  at::Tensor z = tensor_of(student).set_requires_grad(true);
  distillation_loss(z, tensor_of(teacher), temperature).backward();
  const at::Tensor gradient = z.grad();
  for (std::size_t i = 0; i < 4; ++i) {
    const auto p = softmax(teacher[i], temperature), q = softmax(student[i], temperature);
    for (std::size_t c = 0; c < 6; ++c) {
      const double found = gradient[static_cast<std::int64_t>(i)][static_cast<std::int64_t>(c)].item<double>();
      EXPECT_NEAR(found, temperature * (q[c] - p[c]) / 4, 1e-12);
      const auto loss_at = [&](double shift) {
        Matrix moved = student;
        moved[i][c] += shift;
        return distillation_loss(tensor_of(moved), tensor_of(teacher), temperature).item<double>();
      };
      EXPECT_NEAR(found, (loss_at(1e-5) - loss_at(-1e-5)) / 2e-5, 1e-8);
    }
  }
}

TEST(DistillationLoss, IsZeroForEqualLogitsAndFiniteForExtremeOnes) {
  const at::Tensor z = tensor_of(random_matrix(3, 4, 5));
  EXPECT_NEAR(distillation_loss(z, z + 100, 2).item<double>(), 0, 1e-12);
  EXPECT_TRUE(std::isfinite(distillation_loss(z * 1e4, z * -1e4, 1).item<double>()));
}

TEST(CrossEntropy, IsMinusTheLogProbabilityOfTheSmoothedLabel) {
  const Matrix logits = random_matrix(5, 7, 6);
  const std::vector<std::int64_t> labels{0, 3, 6, 2, 2};
  const at::Tensor label_tensor = at::tensor(labels, at::kLong);
  for (double smoothing : {0.0, 0.1, 0.9}) {
    double expected = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      const auto q = softmax(logits[i], 1);
      for (std::size_t c = 0; c < 7; ++c) {
        const double target = (static_cast<std::int64_t>(c) == labels[i] ? 1 - smoothing : 0) + smoothing / 7;
        expected -= target * std::log(q[c]) / 5;
      }
    }
    EXPECT_NEAR(cross_entropy(tensor_of(logits), label_tensor, smoothing).item<double>(), expected, 1e-12);
  }
}

// KL = TCKD + (1 - p_label) NCKD (Zhao et al., CVPR 2022, equation 5), so with weights 1 and 8 each row is
// KL + (8 - (1 - p_label)) NCKD.
TEST(DecoupledLoss, AddsUpToTheDivergenceItTakesApart) {
  const Matrix student = random_matrix(6, 5, 7), teacher = random_matrix(6, 5, 8);
  const std::vector<std::int64_t> label_values{0, 4, 2, 2, 1, 3};
  at::Tensor labels = at::empty({6}, at::kLong);
  std::ranges::copy(label_values, labels.data_ptr<std::int64_t>());
  for (double temperature : {1.0, 4.0}) {
    double expected = 0;
    for (std::size_t i = 0; i < 6; ++i) {
      const auto p = softmax(teacher[i], temperature), q = softmax(student[i], temperature);
      const auto label = static_cast<std::size_t>(label_values[i]);
      double divergence = 0, others = 0;
      for (std::size_t c = 0; c < 5; ++c) {
        divergence += p[c] * std::log(p[c] / q[c]);
        if (c == label) continue;
        const double p_other = p[c] / (1 - p[label]), q_other = q[c] / (1 - q[label]);
        others += p_other * std::log(p_other / q_other);
      }
      expected += (divergence + (8 - (1 - p[label])) * others) / 6;
    }
    EXPECT_NEAR(decoupled_loss(tensor_of(student), tensor_of(teacher), labels, temperature).item<double>(),
                expected * temperature * temperature, 1e-10);
  }
}

TEST(DecoupledLoss, HasAGradientWithoutHoles) {
  at::Tensor z = tensor_of(random_matrix(3, 4, 9)).set_requires_grad(true);
  const at::Tensor labels = at::zeros({3}, at::kLong);
  decoupled_loss(z, tensor_of(random_matrix(3, 4, 10)), labels, 2).backward();
  EXPECT_TRUE(at::isfinite(z.grad()).all().item<bool>());
  // Softmax does not see a shift of all logits.
  EXPECT_NEAR(z.grad().sum(1).abs().max().item<double>(), 0, 1e-10);
}

TEST(Standardised, RowsHaveMeanZeroAndDeviationOne) {
  const at::Tensor z = standardised(tensor_of(random_matrix(4, 9, 11)));
  EXPECT_NEAR(z.mean(1).abs().max().item<double>(), 0, 1e-12);
  EXPECT_NEAR((z.pow(2).mean(1) - 1).abs().max().item<double>(), 0, 1e-6);
  EXPECT_TRUE(at::isfinite(standardised(at::ones({2, 3}))).all().item<bool>()) << "equal logits";
}

}  // namespace
}  // namespace mj
