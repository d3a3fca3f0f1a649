// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "mj/ir/graph.h"

namespace mj {

/// Number of exits of a network, its end not counted: all outputs but the last, when they are called `exit1`, `exit2`, ... in
/// this order. 0 where they are called anything else: such outputs are always computed.
std::size_t exit_count(const Graph& graph);

/// The node that computes the answer at each exit, the end last. Throws `Error` unless they rise, so that everything an exit
/// needs is done before the next is begun (`schedule_exits` brings nodes into such an order).
std::vector<std::int32_t> answer_nodes(const Graph& graph);

/// Temperature of the confidence at each exit, the end last, from the metadata `exit_temperatures`; 1 where it says nothing.
/// Throws `Error` when it holds anything but one positive number per exit.
std::vector<double> exit_temperatures(const Graph& graph);

/// Confidence (0..1) from which an answer is final at each exit, from the metadata `exit_thresholds`; empty where there is
/// none. Throws `Error` when it holds anything but one such number per exit.
std::vector<double> exit_thresholds(const Graph& graph);

/// What int8 scores weigh in a confidence: a score d = 16 h + l below the largest exp(-d * scale / temperature), which is
/// high[h] * low[l] as shares of 32768, rounded to nearest. The device computes with these (`mj_confidence`).
struct Exponents {
  std::array<std::uint16_t, 16> high{};
  std::array<std::uint16_t, 16> low{};
};
Exponents exit_exponents(const Graph& quantized, std::size_t exit);

}  // namespace mj
