// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mj/base/progress.h"
#include "mj/base/units.h"
#include "mj/flow/compress_network.h"
#include "mj/platform/platform.h"

namespace mj {

/// A network brought below limits with its data: what `millijoule compress` does.
struct CompressJob {
  std::string data;              ///< as `read_dataset` takes it
  double validation = 1.0 / 12;  ///< share of the training half held out
  CompressOptions options;
};

/// What became of one convolution or linear layer; a factor counts as a layer of its own.
struct CompressedLayer {
  std::string name;
  std::string done;          ///< "32 of 64 channels, 12 % of the weights, 4 bits, bitmap"
  std::string kept_because;  ///< why nothing was done; empty otherwise
  Bytes bytes_before = 0;    ///< weights and biases as floats; of a factorised layer, at its last factor
  Bytes weight_bytes = 0, index_bytes = 0, scale_bytes = 0, bias_bytes = 0;
  double density = 1;        ///< share of the stored weight that is not zero
  double sensitivity = 0;    ///< measured divergence, in nats, of the whole network with a quarter of this layer's weights
  Joules energy;
};

struct CompressJobResult {
  bool nothing_to_do = false;  ///< the int8 network meets the limits as it is; the figures are those of that network
  Graph graph;                 ///< float, every weight in its final form
  Graph lowered;               ///< the int8 network that was measured
  Bytes parameter_bytes_before = 0;  ///< float
  Bytes exported_bytes = 0;          ///< all constants of the emitted C
  Bytes nvm_bytes = 0;               ///< code on top
  Bytes ram_bytes = 0;
  Joules energy_before, energy;
  double accuracy_before = 0, accuracy = 0;  ///< on test
  double validation_before = 0, validation_accuracy = 0;
  std::int64_t test_images = 0;
  std::int64_t training_macs = 0;
  double search_seconds = 0;  ///< measured
  std::vector<CompressedLayer> layers;
};

/// Reads the data, compresses, lowers to int8 and reads test once. Throws `Error` when limits cannot be met or data and network do
/// not fit.
CompressJobResult run_compress_job(const Graph& network, const CompressJob& job, const Platform& platform, Progress& progress);

}  // namespace mj
