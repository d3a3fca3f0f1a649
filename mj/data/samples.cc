// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <map>

#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/data/dataset.h"

namespace mj {
namespace {

/// Keeps the draw of the split apart from everything else that uses the same seed.
constexpr std::uint64_t kSplitStream = 0x73706c6974;  // "split"

}  // namespace

void Samples::copy_to(std::int64_t i, std::span<float> out) const {
  const std::int64_t count = element_count(shape);
  MJ_CHECK(i >= 0 && i < size() && std::ssize(out) == count);
  std::visit([&](const auto& all) { std::copy_n(all.begin() + i * count, count, out.begin()); }, elements);
}

std::vector<float> Samples::sample(std::int64_t i) const {
  std::vector<float> out(static_cast<std::size_t>(element_count(shape)));
  copy_to(i, out);
  return out;
}

Samples subset(const Samples& samples, std::span<const std::int64_t> indices) {
  const std::int64_t count = element_count(samples.shape);
  Samples out;
  out.shape = samples.shape;
  out.labels.reserve(indices.size());
  for (const std::int64_t i : indices) {
    MJ_CHECK(i >= 0 && i < samples.size());
    out.labels.push_back(samples.labels[static_cast<std::size_t>(i)]);
  }
  std::visit(
      [&](const auto& all) {
        std::decay_t<decltype(all)> chosen;
        chosen.reserve(indices.size() * static_cast<std::size_t>(count));
        for (const std::int64_t i : indices) {
          chosen.insert(chosen.end(), all.begin() + i * count, all.begin() + (i + 1) * count);
        }
        out.elements = std::move(chosen);
      },
      samples.elements);
  return out;
}

Split split_validation(const Samples& samples, double fraction, std::uint64_t seed) {
  if (!(fraction > 0 && fraction < 1)) fail("validation share {} is not between 0 and 1", fraction);
  std::map<std::int32_t, std::vector<std::int64_t>> by_class;
  for (std::int64_t i = 0; i < samples.size(); ++i) by_class[samples.labels[static_cast<std::size_t>(i)]].push_back(i);

  std::vector<std::int64_t> train;
  std::vector<std::int64_t> validation;
  for (const auto& [label, members] : by_class) {
    const std::int64_t n = std::ssize(members);
    const std::int64_t held_out = std::min<std::int64_t>(std::llround(fraction * static_cast<double>(n)), n - 1);
    const RandomStream stream(seed, kSplitStream, static_cast<std::uint64_t>(label));
    const std::vector<std::int64_t> order = permutation(n, stream);
    for (std::int64_t k = 0; k < n; ++k) {
      const std::int64_t index = members[static_cast<std::size_t>(order[static_cast<std::size_t>(k)])];
      (k < held_out ? validation : train).push_back(index);
    }
  }
  if (validation.empty()) {
    fail("validation share {} of {} samples in {} classes leaves no validation sample", fraction, samples.size(),
         by_class.size());
  }
  // The order of the file, so that what follows does not depend on how classes were drawn.
  std::sort(train.begin(), train.end());
  std::sort(validation.begin(), validation.end());
  return {subset(samples, train), subset(samples, validation)};
}

}  // namespace mj
