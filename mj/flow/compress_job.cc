// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/compress_job.h"

#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/data/dataset.h"
#include "mj/flow/compress_report.h"
#include "mj/flow/deploy.h"
#include "mj/flow/quantize_job.h"
#include "mj/flow/run_set.h"
#include "mj/ir/cost.h"
#include "mj/pass/lower.h"

namespace mj {
namespace {

void require_teaches(const Graph& teacher, const Graph& network, const Samples& samples) {
  if (is_quantized(teacher)) fail("it is int8; expected a float network");
  if (teacher.outputs.size() != 1) fail("it has {} outputs; expected 1", teacher.outputs.size());
  require_samples_fit(teacher, samples);
  if (class_count(teacher) != class_count(network)) {
    fail("it tells {} classes apart; the network {}", class_count(teacher), class_count(network));
  }
}

}  // namespace

CompressJobResult run_compress_job(const Graph& network, const CompressJob& job, const Platform& platform, Progress& progress) {
  constexpr int kCalibrationImages = 500;
  const CompressLimits& limits = job.options.limits;
  const TrainOptions& training = job.options.training;
  if (is_quantized(network)) fail("the network is int8 already; expected the float network it was made from");
  if (network.outputs.size() != 1) fail("the network has {} outputs; expected 1: exits are added behind compression", network.outputs.size());
  if (!limits.nvm && !limits.ram && !limits.energy) fail("there is no limit to meet; expected --nvm, --ram or --energy");
  const bool positive = limits.nvm.value_or(1) > 0 && limits.ram.value_or(1) > 0 && limits.energy.value_or(Joules{1}).value > 0;
  if (!positive) fail("a limit is 0; expected more than nothing");
  if (platform.accelerator) fail("platform '{}' is an accelerator; compression counts what a microcontroller stores and does", platform.name);
  const DataSet data = read_dataset(job.data, Half::kTrain);
  require_samples_fit(network, data.train);
  if (job.options.teacher) with_context("teacher", [&] { require_teaches(*job.options.teacher, network, data.train); });
  const Split split = split_validation(data.train, job.validation, RandomStream(training.seed, 1).next());
  const Graph before = simplify(network);

  CompressJobResult result;
  result.parameter_bytes_before = parameter_bytes(network);
  const Estimate plain = estimate(lower_for_estimate(network), platform);
  result.energy_before = plain.energy;
  if (meets(limits, plain)) {
    result.nothing_to_do = true;
    result.exported_bytes = plain.exported_bytes, result.nvm_bytes = plain.nvm_bytes, result.ram_bytes = plain.ram_bytes;
    result.energy = plain.energy;
    return result;
  }
  const auto accuracy_of = [&](const Samples& samples) {
    return accuracy(logits(before, samples, training.device), samples.labels, class_count(network));
  };
  result.validation_before = accuracy_of(split.validation);
  CompressedNetwork compressed = compress_network(network, split, job.options, platform, progress);
  result.training_macs = compressed.training_macs;
  result.search_seconds = compressed.search_seconds;
  result.graph = std::move(compressed.graph);
  result.lowered = quantize_on(result.graph, split.train, kCalibrationImages, 0, training.seed);
  const Estimate after = estimate(result.lowered, platform);
  result.exported_bytes = after.exported_bytes;
  result.nvm_bytes = after.nvm_bytes, result.ram_bytes = after.ram_bytes, result.energy = after.energy;
  result.validation_accuracy = run_set(result.lowered, split.validation, "validating int8", progress).accuracy[0];
  result.layers = layer_report(network, result.lowered, compressed.search, after);

  const DataSet final_data = read_dataset(job.data, Half::kTest);
  result.test_images = final_data.test.size();
  result.accuracy_before = accuracy_of(final_data.test);
  result.accuracy = run_set(result.lowered, final_data.test, "testing int8", progress).accuracy[0];
  return result;
}

}  // namespace mj
