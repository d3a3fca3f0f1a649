// SPDX-License-Identifier: Apache-2.0
#include "mj/platform/least_squares.h"

#include <algorithm>
#include <cmath>

#include "mj/base/error.h"

namespace mj {

double weighted_sum(std::span<const double> row, std::span<const double> coefficients) {
  MJ_CHECK(row.size() == coefficients.size());
  double sum = 0;
  for (std::size_t i = 0; i < row.size(); ++i) sum += coefficients[i] * row[i];
  return sum;
}

std::vector<double> fit_nonnegative(std::span<const std::vector<double>> rows, std::span<const double> amounts) {
  MJ_CHECK(rows.size() == amounts.size() && !rows.empty());
  const std::size_t n = rows[0].size();
  // Columns scaled to unit length: bytes and operators differ by six orders of magnitude.
  std::vector<double> length(n), moment(n), scaled(n), gram(n * n);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    MJ_CHECK(amounts[i] > 0 && rows[i].size() == n);
    for (std::size_t a = 0; a < n; ++a) {
      const double x = rows[i][a] / amounts[i];
      moment[a] += x;
      for (std::size_t b = 0; b < n; ++b) gram[a * n + b] += x * rows[i][b] / amounts[i];
    }
  }
  for (std::size_t a = 0; a < n; ++a) length[a] = std::sqrt(gram[a * n + a]);
  for (int sweep = 0; sweep < 200000; ++sweep) {
    double change = 0;
    for (std::size_t a = 0; a < n; ++a) {
      if (length[a] == 0) continue;
      double gradient = moment[a] / length[a];
      for (std::size_t b = 0; b < n; ++b) {
        if (b != a && length[b] > 0) gradient -= gram[a * n + b] / (length[a] * length[b]) * scaled[b];
      }
      const double next = std::max(0.0, gradient);
      change = std::max(change, std::abs(next - scaled[a]));
      scaled[a] = next;
    }
    if (change < 1e-13) break;
  }
  for (std::size_t a = 0; a < n; ++a) scaled[a] = length[a] > 0 ? scaled[a] / length[a] : 0;
  return scaled;
}

std::vector<double> leave_each_out(std::span<const std::vector<double>> rows, std::span<const double> amounts) {
  MJ_CHECK(rows.size() == amounts.size() && amounts.size() >= 2);
  std::vector<double> predicted;
  for (std::size_t i = 0; i < amounts.size(); ++i) {
    std::vector<std::vector<double>> other_rows(rows.begin(), rows.end());
    std::vector<double> other_amounts(amounts.begin(), amounts.end());
    other_rows.erase(other_rows.begin() + static_cast<std::ptrdiff_t>(i));
    other_amounts.erase(other_amounts.begin() + static_cast<std::ptrdiff_t>(i));
    predicted.push_back(weighted_sum(rows[i], fit_nonnegative(other_rows, other_amounts)));
  }
  return predicted;
}

}  // namespace mj
