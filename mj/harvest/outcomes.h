// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace mj {

/// What the real network said of every image at every exit: all that a simulation needs to know of network and data.
struct Outcomes {
  std::vector<std::string> exits;         ///< names; the last one is the whole network
  std::int64_t images = 0;
  std::vector<std::uint16_t> confidence;  ///< {image, exit}: largest softmax output as a share of 32768
  std::vector<std::uint8_t> correct;      ///< {image, exit}

  std::size_t at(std::int64_t image, std::size_t exit) const { return static_cast<std::size_t>(image) * exits.size() + exit; }
  double accuracy(std::size_t exit) const;
};

/// Reads a table written by `write_outcomes`: a header `label,NAME_answer,NAME_confidence,...`, then one image per row.
/// Throws `Error` with the line number.
Outcomes read_outcomes(const std::filesystem::path& path);

/// One row of the table per image: its label, and for every exit the answer and the confidence (0 to 1).
std::string outcomes_text(const std::vector<std::string>& exits, const std::vector<std::int32_t>& labels,
                          const std::vector<std::int32_t>& answers, const std::vector<double>& confidences);

/// Confidence 0..1 as a share of 32768.
std::uint16_t share_of_32768(double confidence);

}  // namespace mj
