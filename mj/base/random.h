// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace mj {

/// A counter-based stream of random numbers: its content depends on the key alone, e.g. {seed, epoch, sample}.
///
/// No state travels between samples, so results do not depend on threads, batch order or a restart. The generator is
/// SplitMix64 over a key mixed from the words given (Steele, Lea, Flood: Fast splittable pseudorandom number
/// generators, OOPSLA 2014).
class RandomStream {
 public:
  explicit RandomStream(std::uint64_t a, std::uint64_t b = 0, std::uint64_t c = 0, std::uint64_t d = 0);

  std::uint64_t next();
  /// Uniform in [0, 1).
  double uniform();
  /// Uniform in 0..n-1; n > 0.
  std::uint64_t below(std::uint64_t n);
  /// Standard normal.
  double normal();

 private:
  std::uint64_t state_;
};

/// A permutation of 0..n-1 (Fisher-Yates).
std::vector<std::int64_t> permutation(std::int64_t n, RandomStream stream);

}  // namespace mj
