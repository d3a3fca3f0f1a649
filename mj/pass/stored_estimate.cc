// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/stored_estimate.h"

#include <algorithm>

#include "mj/base/random.h"

namespace mj {

Stored stored_estimate(const std::vector<std::int8_t>& sample, std::size_t sampled, std::size_t rows, int bits) {
  if (sampled == 0) return {};
  constexpr double kWorthDecoding = 0.75;  // plain int8 gives way to nothing larger
  const auto sampled_rows = static_cast<std::int64_t>(sampled);
  Encoding encoding = smallest_encoding(sample, sampled_rows, bits);
  EncodedSize size = encoded_size(sample, sampled_rows, encoding);
  if (bits == 8 && static_cast<double>(size.bytes) > kWorthDecoding * static_cast<double>(sample.size())) {
    encoding = {};
    size = encoded_size(sample, sampled_rows, encoding);
  }
  const double all = static_cast<double>(rows) / static_cast<double>(sampled);
  return {static_cast<double>(size.bytes) * all, static_cast<double>(size.values) * all, static_cast<double>(size.symbols) * all,
          encoding};
}

Stored random_pattern(std::size_t rows, std::size_t columns, double density, int bits) {
  const std::size_t sampled = std::min(rows, kSampledRows);
  RandomStream random(0x9a77e2, rows, columns);
  std::vector<std::int8_t> sample(sampled * columns, 1);
  for (std::int8_t& element : sample) element = density >= 1 || random.uniform() < density;
  return stored_estimate(sample, sampled, rows, bits);
}

}  // namespace mj
