// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

namespace mj {

/// Share of the sum of squares that a normal distribution has in its smallest elements when `density` of them stay:
/// 1 - d - 2 t phi(t), where a share d lies beyond t.
double cut_share(double density);

/// Mean squared rounding error of elements with this mean square and largest magnitude: a uniform grid of 255 steps, or
/// the best clipped one of 15 (0.0115 of the variance of a normal distribution; Max, IRE Trans. Inf. Theory 6, 1960).
double rounding_error(int bits, double mean_square, double largest);

/// On a grid of these bits, of eight the one of least squared error with 4 (as training rounds).
std::vector<float> best_rounded(std::span<const float> elements, int bits);

}  // namespace mj
