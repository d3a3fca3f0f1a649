// SPDX-License-Identifier: Apache-2.0
#include "mj/harvest/exit_levels.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "mj/base/error.h"
#include "runtime/mj_policy.h"

namespace mj {
namespace {

constexpr std::size_t kBuckets = MJ_POLICY_BUCKETS;
constexpr int kDeepest = 12;
constexpr int kIterations = 100;
constexpr int kRounds = 4;
constexpr std::size_t kImproved = 12;

/// The best decisions when a joule costs `price` right answers.
ExitLevel best_at(const BucketModel& model, const std::vector<double>& cost_j, double price) {
  const std::size_t exits = model.exits;
  ExitLevel level;
  level.go_on.assign(exits, 0);
  // Value, expected further cost and expected accuracy from each bucket on.
  std::vector<double> value(model.accuracy.end() - kBuckets, model.accuracy.end());
  std::vector<double> accuracy = value, cost(kBuckets, 0);
  for (std::size_t exit = exits - 1; exit-- > 0;) {
    const double step = cost_j[exit + 1] - cost_j[exit];
    std::vector<double> next_value(kBuckets), next_accuracy(kBuckets), next_cost(kBuckets);
    for (std::size_t b = 0; b < kBuckets; ++b) {
      const double* onward = &model.onward[(exit * kBuckets + b) * kBuckets];
      double on = -price * step, on_accuracy = 0, on_cost = step;
      for (std::size_t c = 0; c < kBuckets; ++c) {
        on += onward[c] * value[c];
        on_accuracy += onward[c] * accuracy[c];
        on_cost += onward[c] * cost[c];
      }
      const double stop = model.accuracy[exit * kBuckets + b];
      if (on > stop) {
        level.go_on[exit] = static_cast<std::uint16_t>(level.go_on[exit] | (1u << b));
        next_value[b] = on, next_accuracy[b] = on_accuracy, next_cost[b] = on_cost;
      } else {
        next_value[b] = next_accuracy[b] = stop;
      }
    }
    value = std::move(next_value), accuracy = std::move(next_accuracy), cost = std::move(next_cost);
  }
  level.cost_j = cost_j[0];
  for (std::size_t b = 0; b < kBuckets; ++b) {
    level.cost_j += model.first[b] * cost[b];
    level.accuracy += model.first[b] * accuracy[b];
  }
  return level;
}

/// The corners between two of them, in order of cost.
void corners(const BucketModel& model, const std::vector<double>& cost_j, const ExitLevel& low, const ExitLevel& high, int depth,
             std::vector<ExitLevel>& out) {
  if (depth == 0 || high.cost_j - low.cost_j <= 1e-9 * high.cost_j) return;
  const double price = (high.accuracy - low.accuracy) / (high.cost_j - low.cost_j);
  const ExitLevel middle = best_at(model, cost_j, price);
  const double gain = (middle.accuracy - price * middle.cost_j) - (low.accuracy - price * low.cost_j);
  if (gain <= 1e-9 || middle.cost_j <= low.cost_j || middle.cost_j >= high.cost_j) return;
  corners(model, cost_j, low, middle, depth - 1, out);
  out.push_back(middle);
  corners(model, cost_j, middle, high, depth - 1, out);
}

}  // namespace

std::size_t BucketModel::bucket(std::size_t exit, std::uint16_t confidence) const {
  std::size_t b = 0;
  while (b < kBuckets - 1 && confidence >= edges[exit * (kBuckets - 1) + b]) ++b;
  return b;
}

BucketModel learn_buckets(const Outcomes& outcomes) {
  MJ_CHECK(outcomes.images > 0);
  const std::size_t exits = outcomes.exits.size();
  const auto images = static_cast<std::size_t>(outcomes.images);
  BucketModel model;
  model.exits = exits;
  for (std::size_t k = 0; k < exits; ++k) {
    std::vector<std::uint16_t> sorted(images);
    for (std::size_t i = 0; i < images; ++i) sorted[i] = outcomes.confidence[i * exits + k];
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t b = 1; b < kBuckets; ++b) model.edges.push_back(sorted[b * images / kBuckets]);
  }
  std::vector<double> count(exits * kBuckets), right(exits * kBuckets);
  model.first.assign(kBuckets, 0);
  model.onward.assign(exits * kBuckets * kBuckets, 0);
  for (std::size_t i = 0; i < images; ++i) {
    std::size_t before = 0;
    for (std::size_t k = 0; k < exits; ++k) {
      const std::size_t b = model.bucket(k, outcomes.confidence[i * exits + k]);
      count[k * kBuckets + b] += 1;
      right[k * kBuckets + b] += outcomes.correct[i * exits + k];
      if (k == 0) model.first[b] += 1.0 / static_cast<double>(images);
      if (k > 0) model.onward[((k - 1) * kBuckets + before) * kBuckets + b] += 1;
      before = b;
    }
  }
  model.accuracy.assign(exits * kBuckets, 0);
  for (std::size_t k = 0; k < exits; ++k) {
    for (std::size_t b = 0; b < kBuckets; ++b) {
      const std::size_t at = k * kBuckets + b;
      if (count[at] == 0) continue;  // never met, never asked
      model.accuracy[at] = right[at] / count[at];
      for (std::size_t c = 0; c < kBuckets; ++c) model.onward[at * kBuckets + c] /= count[at];
    }
  }
  return model;
}

std::vector<ExitLevel> exit_levels(const BucketModel& model, const std::vector<double>& cost_j) {
  MJ_CHECK(cost_j.size() == model.exits && cost_j[0] > 0);
  const ExitLevel most = best_at(model, cost_j, 0);
  ExitLevel first = most;
  for (int i = 0; i < kIterations; ++i) {
    const double price = first.accuracy / first.cost_j;
    ExitLevel better = best_at(model, cost_j, price);
    if (better.accuracy - price * better.cost_j <= 1e-12) break;
    first = std::move(better);
  }
  std::vector<ExitLevel> levels = {first};
  corners(model, cost_j, first, most, kDeepest, levels);
  if (most.cost_j > first.cost_j * (1 + 1e-9)) levels.push_back(most);
  return levels;
}

namespace {

/// Images by the buckets they fall into, so that deciding is a look-up.
struct Sorted {
  std::size_t images = 0, exits = 0;
  std::vector<std::uint8_t> bucket;   ///< {image, exit}
  const std::vector<std::uint8_t>& correct;

  ExitLevel measure(const std::vector<double>& cost_j, const std::vector<std::uint16_t>& go_on) const {
    std::vector<std::int64_t> stopped(exits, 0);
    std::int64_t right = 0;
    for (std::size_t i = 0; i < images; ++i) {
      const std::uint8_t* buckets = &bucket[i * exits];
      std::size_t k = 0;
      while (k + 1 < exits && (go_on[k] >> buckets[k] & 1) != 0) ++k;
      ++stopped[k];
      right += correct[i * exits + k];
    }
    ExitLevel level{.cost_j = 0, .accuracy = static_cast<double>(right) / static_cast<double>(images), .go_on = go_on};
    for (std::size_t k = 0; k < exits; ++k) level.cost_j += static_cast<double>(stopped[k]) / static_cast<double>(images) * cost_j[k];
    return level;
  }
};

Sorted sorted(const BucketModel& model, const Outcomes& outcomes) {
  Sorted out{static_cast<std::size_t>(outcomes.images), model.exits, {}, outcomes.correct};
  for (std::size_t i = 0; i < outcomes.confidence.size(); ++i) {
    out.bucket.push_back(static_cast<std::uint8_t>(model.bucket(i % model.exits, outcomes.confidence[i])));
  }
  return out;
}

/// Turns single buckets over while that pays at this price.
ExitLevel improved(const Sorted& images, const std::vector<double>& cost_j, ExitLevel level, double price) {
  level = images.measure(cost_j, level.go_on);
  for (int round = 0; round < kRounds; ++round) {
    bool better = false;
    for (std::size_t k = 0; k + 1 < images.exits; ++k) {
      for (std::size_t b = 0; b < kBuckets; ++b) {
        std::vector<std::uint16_t> other = level.go_on;
        other[k] = static_cast<std::uint16_t>(other[k] ^ (1u << b));
        ExitLevel turned = images.measure(cost_j, other);
        if (turned.accuracy - price * turned.cost_j <= level.accuracy - price * level.cost_j + 1e-12) continue;
        level = std::move(turned);
        better = true;
      }
    }
    if (!better) break;
  }
  return level;
}

/// The upper concave hull seen from the origin, from the best accuracy per joule to the highest accuracy.
std::vector<ExitLevel> hull(std::vector<ExitLevel> levels) {
  std::sort(levels.begin(), levels.end(), [](const ExitLevel& a, const ExitLevel& b) {
    return a.cost_j != b.cost_j ? a.cost_j < b.cost_j : a.accuracy > b.accuracy;
  });
  std::vector<ExitLevel> kept;
  const auto slope = [](const ExitLevel* from, const ExitLevel& to) {
    return (to.accuracy - (from ? from->accuracy : 0)) / (to.cost_j - (from ? from->cost_j : 0));
  };
  for (ExitLevel& level : levels) {
    if (!kept.empty() && level.accuracy <= kept.back().accuracy) continue;
    while (!kept.empty()) {
      const ExitLevel* before = kept.size() > 1 ? &kept[kept.size() - 2] : nullptr;
      if (slope(before, level) < slope(before, kept.back())) break;
      kept.pop_back();
    }
    kept.push_back(std::move(level));
  }
  return kept;
}

}  // namespace

ExitLevel measured_level(const BucketModel& model, const std::vector<double>& cost_j, const Outcomes& outcomes,
                         const std::vector<std::uint16_t>& go_on) {
  return sorted(model, outcomes).measure(cost_j, go_on);
}

std::vector<ExitLevel> fitted_levels(const BucketModel& model, const std::vector<double>& cost_j, const Outcomes& outcomes) {
  const Sorted images = sorted(model, outcomes);
  std::vector<ExitLevel> found;
  for (std::size_t k = 0; k < model.exits; ++k) {
    std::vector<std::uint16_t> go_on(model.exits, 0);
    for (std::size_t j = 0; j < k; ++j) go_on[j] = 0xFFFF;
    found.push_back(images.measure(cost_j, go_on));
  }
  std::vector<ExitLevel> start = thinned(exit_levels(model, cost_j), kImproved);
  const double highest = start.front().accuracy / start.front().cost_j;
  for (std::size_t i = 0; i < start.size(); ++i) {
    // The price between a level's neighbours, and the two ends.
    const double above = i == 0 ? highest : (start[i].accuracy - start[i - 1].accuracy) / (start[i].cost_j - start[i - 1].cost_j);
    const double below = i + 1 == start.size() ? 0 : (start[i + 1].accuracy - start[i].accuracy) / (start[i + 1].cost_j - start[i].cost_j);
    found.push_back(improved(images, cost_j, start[i], (above + below) / 2));
    if (i == 0) found.push_back(improved(images, cost_j, start[i], highest));
    if (i + 1 == start.size()) found.push_back(improved(images, cost_j, start[i], 0));
  }
  return hull(std::move(found));
}

std::vector<ExitLevel> thinned(const std::vector<ExitLevel>& levels, std::size_t most) {
  if (levels.size() <= most) return levels;
  std::vector<ExitLevel> kept = {levels.front()};
  const double step = (levels.back().cost_j - levels.front().cost_j) / static_cast<double>(most - 1);
  for (std::size_t i = 1; i + 1 < levels.size() && kept.size() + 1 < most; ++i) {
    if (levels[i].cost_j - kept.back().cost_j >= step * 0.999) kept.push_back(levels[i]);
  }
  kept.push_back(levels.back());
  return kept;
}

}  // namespace mj
