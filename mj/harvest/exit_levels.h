// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "mj/harvest/outcomes.h"

namespace mj {

/// What can be expected of an image from the bucket its confidence falls into, exit by exit; learned from outcomes.
struct BucketModel {
  std::size_t exits = 0;
  std::vector<std::uint16_t> edges;  ///< {exit, buckets - 1}: confidence from which the next bucket begins
  std::vector<double> first;         ///< {bucket}: share of images at the first exit
  std::vector<double> accuracy;      ///< {exit, bucket}
  std::vector<double> onward;        ///< {exit, bucket, bucket at the next exit}: probability

  std::size_t bucket(std::size_t exit, std::uint16_t confidence) const;
};

/// Buckets with equal numbers of images. `images` > 0.
BucketModel learn_buckets(const Outcomes& outcomes);

/// One way of deciding by buckets, with what it costs and brings on average.
struct ExitLevel {
  double cost_j = 0;                 ///< per inference
  double accuracy = 0;
  std::vector<std::uint16_t> go_on;  ///< {exit}: bit b set: go on in bucket b
};

/// The decisions on the concave hull of expected accuracy over expected cost, from the most right answers per joule (first) to
/// the most accurate; between them any mean cost is served best by mixing neighbours. `cost_j` {exits}: energy from the start
/// to each answer, rising.
///
/// Each level maximises accuracy - price * cost, by backward induction over (exit, bucket); the first price is the highest
/// accuracy per joule, found by Dinkelbach's iteration.
std::vector<ExitLevel> exit_levels(const BucketModel& model, const std::vector<double>& cost_j);

/// What deciding by these buckets cost and brought on these images.
ExitLevel measured_level(const BucketModel& model, const std::vector<double>& cost_j, const Outcomes& outcomes,
                         const std::vector<std::uint16_t>& go_on);

/// Levels for these outcomes: those of the bucket model, each improved bucket by bucket on the images themselves (the model
/// forgets how an image came to its bucket, so it promises a little too much), and the fixed exits; the concave hull of what
/// they measure.
std::vector<ExitLevel> fitted_levels(const BucketModel& model, const std::vector<double>& cost_j, const Outcomes& outcomes);

/// At most `most` of the levels: the first, the last, and those between that spread the cost evenly.
std::vector<ExitLevel> thinned(const std::vector<ExitLevel>& levels, std::size_t most);

}  // namespace mj
