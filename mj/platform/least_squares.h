// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

namespace mj {

/// Coefficients c >= 0 that minimise the sum of (rows[i] * c / amounts[i] - 1)^2: squared relative errors, so that small
/// amounts weigh as much as large ones. Coordinate descent on the normal equations, which converges for this convex problem
/// (Franc, Hlavac, Navara, CAIP 2005). Rows are equally long, amounts positive.
std::vector<double> fit_nonnegative(std::span<const std::vector<double>> rows, std::span<const double> amounts);

/// What a fit to all the others makes of each row. Needs at least two.
std::vector<double> leave_each_out(std::span<const std::vector<double>> rows, std::span<const double> amounts);

double weighted_sum(std::span<const double> row, std::span<const double> coefficients);

}  // namespace mj
