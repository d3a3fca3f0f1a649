// SPDX-License-Identifier: Apache-2.0
#include "mj/base/random.h"

#include <cmath>
#include <numbers>
#include <utility>

#include "mj/base/error.h"

namespace mj {
namespace {

std::uint64_t mixed(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

constexpr std::uint64_t kGamma = 0x9e3779b97f4a7c15u;

}  // namespace

RandomStream::RandomStream(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d)
    : state_(mixed(mixed(mixed(mixed(a + kGamma) + b + kGamma) + c + kGamma) + d + kGamma)) {}

std::uint64_t RandomStream::next() { return mixed(state_ += kGamma); }

double RandomStream::uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

std::uint64_t RandomStream::below(std::uint64_t n) {
  MJ_CHECK(n > 0);
  // The high half of the 128-bit product is uniform once the lowest, uneven part is rejected (Lemire 2019).
  const std::uint64_t reject = (0 - n) % n;
  while (true) {
    __extension__ const auto product = static_cast<unsigned __int128>(next()) * n;
    if (static_cast<std::uint64_t>(product) >= reject) return static_cast<std::uint64_t>(product >> 64);
  }
}

double RandomStream::normal() {
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

std::vector<std::int64_t> permutation(std::int64_t n, RandomStream stream) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) order[static_cast<std::size_t>(i)] = i;
  for (std::int64_t i = n - 1; i > 0; --i) {
    std::swap(order[static_cast<std::size_t>(i)], order[stream.below(static_cast<std::uint64_t>(i) + 1)]);
  }
  return order;
}

}  // namespace mj
