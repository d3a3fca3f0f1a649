// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "mj/base/random.h"
#include "mj/data/dataset.h"
#include "scratch.h"

namespace mj {
namespace {


/// Sample i has the one element i.
Samples numbered(const std::vector<std::int32_t>& labels) {
  std::vector<float> elements(labels.size());
  for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<float>(i);
  return {.shape = {1}, .elements = elements, .labels = labels};
}

TEST(Samples, SubsetKeepsOrderAndType) {
  const Samples all{.shape = {2}, .elements = std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6}, .labels = {7, 8, 9}};
  const std::int64_t indices[] = {2, 0, 2};
  const Samples chosen = subset(all, indices);
  EXPECT_EQ(std::get<0>(chosen.elements), (std::vector<std::uint8_t>{5, 6, 1, 2, 5, 6}));
  EXPECT_EQ(chosen.labels, (std::vector<std::int32_t>{9, 7, 9}));
  EXPECT_EQ(chosen.shape, all.shape);
}

TEST(Split, IsAPartitionWithTheShareOfEveryClass) {
  const std::uint64_t seed = 20240607;
  SCOPED_TRACE(seed);
  RandomStream random(seed);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::int32_t> labels(50 + random.below(200));
    const std::uint64_t classes = 1 + random.below(8);
    for (std::int32_t& label : labels) label = static_cast<std::int32_t>(random.below(classes));
    const double fraction = 0.05 + 0.9 * random.uniform();
    const Split split = split_validation(numbered(labels), fraction, round);
    std::set<float> seen;
    for (const Samples* half : {&split.train, &split.validation}) {
      const auto& elements = std::get<1>(half->elements);
      EXPECT_TRUE(std::is_sorted(elements.begin(), elements.end()));
      for (std::size_t i = 0; i < elements.size(); ++i) {
        EXPECT_TRUE(seen.insert(elements[i]).second);
        EXPECT_EQ(half->labels[i], labels[static_cast<std::size_t>(elements[i])]);
      }
    }
    EXPECT_EQ(seen.size(), labels.size());
    for (std::int32_t c = 0; c < static_cast<std::int32_t>(classes); ++c) {
      const auto n = std::count(labels.begin(), labels.end(), c);
      const auto held = std::count(split.validation.labels.begin(), split.validation.labels.end(), c);
      if (n == 0) continue;
      EXPECT_LE(std::abs(static_cast<double>(held) - fraction * static_cast<double>(n)), 1.0);
      EXPECT_LT(held, n);
    }
  }
}

TEST(Split, DependsOnTheSeedAlone) {
  std::vector<std::int32_t> labels(1000);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int32_t>(i % 10);
  const Samples samples = numbered(labels);
  const Split once = split_validation(samples, 0.1, 3);
  const Split again = split_validation(samples, 0.1, 3);
  const Split other = split_validation(samples, 0.1, 4);
  EXPECT_EQ(once.validation.elements, again.validation.elements);
  EXPECT_NE(once.validation.elements, other.validation.elements);
  EXPECT_EQ(once.validation.size(), 100);
}

TEST(Split, RefusesSharesThatLeaveNothing) {
  const Samples samples = numbered({0, 0, 1, 1});
  EXPECT_EQ(error_of([&] { split_validation(samples, 0, 1); }), "validation share 0 is not between 0 and 1");
  EXPECT_EQ(error_of([&] { split_validation(samples, 1.5, 1); }), "validation share 1.5 is not between 0 and 1");
  EXPECT_EQ(error_of([&] { split_validation(samples, 0.1, 1); }),
            "validation share 0.1 of 4 samples in 2 classes leaves no validation sample");
}

TEST(ReadDataset, RefusesUnknownSpecifications) {
  const std::string known = "; expected fashion-mnist, idx:DIR, cifar10:DIR, cifar100:DIR, images:DIR or npy:DIR";
  EXPECT_EQ(error_of([] { read_dataset("cifar:x"); }), "unknown data set 'cifar:x'" + known);
  EXPECT_EQ(error_of([] { read_dataset("cifar100x:x"); }),
            "unknown data set 'cifar100x:x' (did you mean cifar100?)" + known);
  EXPECT_EQ(error_of([] { read_dataset("fashion-mnits"); }),
            "unknown data set 'fashion-mnits' (did you mean fashion-mnist?)" + known);
  EXPECT_EQ(error_of([] { read_dataset(""); }), "unknown data set ''" + known);
  EXPECT_EQ(error_of([] { read_dataset("npy:"); }), "data set 'npy:': names no folder; expected npy:DIR");
  EXPECT_EQ(error_of([] { read_dataset("npy"); }), "data set 'npy': names no folder; expected npy:DIR");
  EXPECT_EQ(error_of([] { read_dataset("npy:/dev/null"); }), "data set 'npy:/dev/null': /dev/null: not a folder");
}

}  // namespace
}  // namespace mj
