// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace mj {

/// All that a training has become so far: the rest follows from options, graph and data.
struct Checkpoint {
  std::uint64_t job = 0;     ///< hash of options, graphs and data
  std::int64_t threads = 0;  ///< sums are grouped by thread: another count gives other last bits
  std::int64_t cuda = 0;     ///< 1 when computed there
  std::int64_t step = 0;     ///< steps behind us, over all epochs
  double loss_sum = 0;       ///< over the samples of the unfinished epoch
  double seconds = 0;
  std::vector<double> epoch_loss;
  std::vector<double> epoch_accuracy;
  std::vector<float> weights;
  std::vector<float> momentum;
  std::vector<float> average;  ///< empty without a moving average

  bool operator==(const Checkpoint&) const = default;
};

/// Writes `format = 1`, little endian, with a hash of the content at the end; atomically.
void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);

/// Nothing when the file does not exist. Throws `Error` when it is something else than a whole checkpoint.
std::optional<Checkpoint> read_checkpoint(const std::filesystem::path& path);

}  // namespace mj
