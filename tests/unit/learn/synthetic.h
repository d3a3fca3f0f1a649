// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <numbers>
#include <vector>

#include "mj/base/progress.h"
#include "mj/base/random.h"
#include "mj/data/dataset.h"

namespace mj {

/// Gratings of `classes` orientations with random phase and noise: easy for a small convolutional network, impossible
/// for a linear one, since the mean image of every class is grey.
inline Samples gratings(std::int64_t count, std::int64_t classes, std::int64_t side, std::uint64_t seed) {
  Samples samples;
  samples.shape = {side, side, 1};
  std::vector<std::uint8_t> pixels;
  for (std::int64_t i = 0; i < count; ++i) {
    RandomStream stream(seed, static_cast<std::uint64_t>(i));
    const std::int64_t label = i % classes;
    const double angle = std::numbers::pi * static_cast<double>(label) / static_cast<double>(classes);
    const double phase = 2 * std::numbers::pi * stream.uniform();
    for (std::int64_t y = 0; y < side; ++y) {
      for (std::int64_t x = 0; x < side; ++x) {
        const double along = std::cos(angle) * static_cast<double>(x) + std::sin(angle) * static_cast<double>(y);
        const double value = 128 + 80 * std::sin(1.5 * along + phase) + 15 * stream.normal();
        pixels.push_back(static_cast<std::uint8_t>(std::min(255.0, std::max(0.0, value))));
      }
    }
    samples.labels.push_back(static_cast<std::int32_t>(label));
  }
  samples.elements = std::move(pixels);
  return samples;
}

/// Throws `Stop` once this many images are behind, as a stand-in for being killed.
class StopAfter final : public Progress {
 public:
  struct Stop {};
  explicit StopAfter(std::int64_t images) : images_(images) {}
  void begin(std::string_view, std::int64_t, std::string_view) override {}
  void update(std::int64_t done, std::string_view) override {
    if (done >= images_) throw Stop{};
  }
  void end(std::string_view) override {}
  void warn(std::string_view) override {}

 private:
  std::int64_t images_;
};

/// Remembers what it was told.
class RecordingProgress final : public Progress {
 public:
  void begin(std::string_view, std::int64_t total, std::string_view) override { total_ = total; }
  void update(std::int64_t done, std::string_view) override { updates.push_back(done); }
  void end(std::string_view) override {}
  void warn(std::string_view message) override { warnings.emplace_back(message); }

  std::int64_t total_ = 0;
  std::vector<std::int64_t> updates;
  std::vector<std::string> warnings;
};

}  // namespace mj
