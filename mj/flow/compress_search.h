// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "mj/base/progress.h"
#include "mj/base/units.h"
#include "mj/learn/learn.h"
#include "mj/learn/sensitivity.h"
#include "mj/pass/compression.h"

namespace mj {

/// What the compressed network may take; what is not given is not limited.
struct CompressLimits {
  std::optional<Bytes> nvm;  ///< exported bytes: weights, indices, scales, biases, tables
  std::optional<Bytes> ram;  ///< volatile memory, stack included
  std::optional<Joules> energy;  ///< of one inference
};

/// Whether an estimate of a lowered network keeps them.
bool meets(const CompressLimits& limits, const Estimate& estimate);

/// What the search found.
struct CompressSearch {
  CompressionPlan plan;
  ChannelClasses classes;
  std::vector<CompressionOptions::Layer> layers;
  std::vector<double> sensitivity;  ///< per layer: measured divergence, in nats, with a quarter of its weights; 0 where not measured
  Allocation allocation;            ///< as estimated
  Bytes ram_bytes = 0;
};

/// Chooses channels, ranks, densities and bits for a trainable form. The sensitivity comes from training images, its scales
/// from the divergence measured on validation with one layer changed at a time. Throws `Error` naming the limit that cannot be
/// met and the smallest value that could.
CompressSearch search_compression(const Graph& trainable, const Samples& train, const Samples& validation,
                                  const CompressLimits& limits, const Platform& platform, std::uint64_t seed, Device device,
                                  Progress& progress);

/// The baseline: every layer as wide as the limits allow at one share of its channels, all weights with `bits`. The most
/// important channels stay. Throws `Error` when no width meets the limits.
CompressSearch search_uniform(const Graph& trainable, const Samples& train, const CompressLimits& limits, int bits,
                              const Platform& platform, std::uint64_t seed, Device device, Progress& progress);

/// The forms of a plan, by the names of the nodes in the graph to be trained.
WeightForms forms_of(const Graph& graph, const CompressSearch& search);

/// Bytes of all constants of a float network that is lowered with its weights in these forms.
Bytes exported_with(const Graph& shadow, const WeightForms& forms);

/// The same with all other costs on a platform.
Estimate formed_estimate(const Graph& shadow, const WeightForms& forms, const Platform& platform);

/// The float network with the bits of its forms written into the weights' encodings.
Graph with_bits(Graph graph, const WeightForms& forms);

/// Kullback-Leibler divergence of the softmax of two sets of logits, mean over rows, in nats.
double divergence(const std::vector<float>& before, const std::vector<float>& after, std::int64_t classes);

/// RAM of a float network once it is lowered.
Bytes ram_bytes(const Graph& graph, const Platform& platform);

}  // namespace mj
