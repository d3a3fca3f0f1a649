// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/compress_job.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <variant>

#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/data/dataset.h"
#include "mj/flow/compress_report.h"
#include "mj/flow/deploy.h"
#include "mj/flow/quantize_job.h"
#include "mj/flow/run_set.h"
#include "mj/flow/sparsecomp.h"
#include "mj/ir/cost.h"
#include "mj/pass/lower.h"
#include "mj/pass/trainable.h"

namespace mj {
namespace {

constexpr int kCalibrationImages = 500;
constexpr double kFinishingShare = 0.25;  // of the epochs, with fixed zeros
constexpr double kFinishingRate = 0.1;    // of the learning rate

double seconds_now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

bool within(const CompressLimits& limits, const Estimate& estimate) {
  return (!limits.nvm || estimate.constant_bytes <= *limits.nvm) && (!limits.ram || estimate.ram_bytes <= *limits.ram) &&
         (!limits.energy || estimate.energy <= *limits.energy);
}

WeightForms scaled_forms(const WeightForms& forms, double factor) {
  WeightForms scaled = forms;
  for (WeightForm& form : scaled.weights) {
    if (form.density < 1) form.density = std::min(1.0, form.density * factor);
  }
  return scaled;
}

/// The forms with their zeros fixed where the dense weights put them now, as many as fill the limit best. With `dense_stays`
/// weights without a density to meet are left to train freely.
WeightForms fixed_forms(const Graph& shadow, const WeightForms& forms, std::optional<Bytes> limit, bool dense_stays) {
  double factor = 1;
  if (limit) {
    double low = 0.3, high = 1.3;
    if (exported_with(shadow, scaled_forms(forms, low)) > *limit) {
      fail("--nvm {} is missed after training: {} are the fewest bytes at these densities; a little more memory or fewer channels "
           "are needed", bytes_text(*limit), bytes_text(exported_with(shadow, scaled_forms(forms, low))));
    }
    for (int step = 0; step < 10; ++step) {
      const double middle = (low + high) / 2;
      (exported_with(shadow, scaled_forms(forms, middle)) <= *limit ? low : high) = middle;
    }
    factor = low;
  }
  WeightForms fixed = scaled_forms(forms, factor);
  // With the bits they will have: what is rounded to zero counts as one.
  const Graph final_weights = with_forms(shadow, fixed);
  for (WeightForm& form : fixed.weights) {
    if (form.density >= 1 && dense_stays) continue;
    const auto elements = final_weights.value(form.weight).data.as<float>();
    for (const float x : elements) form.kept.push_back(x != 0);
  }
  fixed.sparse_until = fixed.quantized_from = 0;
  return fixed;
}

std::vector<Tensor> inputs_for(const Graph& graph, const Samples& train, std::uint64_t seed) {
  constexpr std::uint64_t kStatistics = 4;  // a key apart from those of other draws with the same seed
  const std::vector<std::int64_t> order = permutation(train.size(), RandomStream(seed, kStatistics));
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < std::min<std::size_t>(order.size(), kCalibrationImages); ++i) {
    inputs.push_back(input_tensor(graph, train.sample(order[i])));
  }
  return inputs;
}

/// The batch size from `batch` on that leaves no small last batch: the mean and variance of a few samples, of which linear
/// layers have one each, throw a training with batch-norm off its course.
int even_batch(std::int64_t samples, int batch) {
  for (int size = batch; size < 2 * batch; ++size) {
    const std::int64_t last = samples % size;
    if (last == 0 || 2 * last >= size) return size;
  }
  return batch;
}

}  // namespace

CompressMethod parse_compress_method(const std::string& text) {
  if (text == "ours") return CompressMethod::kOurs;
  if (text == "sparsecomp") return CompressMethod::kSparseComp;
  if (text == "qat8") return CompressMethod::kQat8;
  if (text == "qat4") return CompressMethod::kQat4;
  fail("no method '{}' of compression; expected ours, sparsecomp, qat8 or qat4", text);
}

CompressJobResult run_compress_job(const Graph& network, const CompressJob& job, const Platform& platform, Progress& progress) {
  if (is_quantized(network)) fail("the network is int8 already; expected the float network it was made from");
  if (network.outputs.size() != 1) fail("the network has {} outputs; expected 1: exits are added behind compression", network.outputs.size());
  if (!job.limits.nvm && !job.limits.ram && !job.limits.energy) fail("there is no limit to meet; expected --nvm, --ram or --energy");
  if (platform.accelerator) fail("platform '{}' is an accelerator; compression counts what a microcontroller stores and does", platform.name);
  const DataSet data = read_dataset(job.data, Half::kTrain);
  require_samples_fit(network, data.train);
  const Split split = split_validation(data.train, job.validation, RandomStream(job.training.seed, 1).next());
  const Graph teacher = simplify(network);

  CompressJobResult result;
  result.parameter_bytes_before = parameter_bytes(network);
  const Estimate plain = estimate(lower_for_estimate(network), platform);
  result.energy_before = plain.energy;
  if (within(job.limits, plain)) {
    result.nothing_to_do = true;
    result.exported_bytes = plain.constant_bytes, result.nvm_bytes = plain.nvm_bytes, result.ram_bytes = plain.ram_bytes;
    result.energy = plain.energy;
    return result;
  }
  result.validation_before = accuracy(logits(teacher, split.validation, job.training.device), split.validation.labels, class_count(network));

  TrainOptions options = job.training;
  options.batch = even_batch(split.train.size(), options.batch);
  const auto checkpoint = [&](const char* name) { return job.checkpoints.empty() ? std::filesystem::path() : job.checkpoints / name; };
  Lessons lessons;
  Distillation distillation{&teacher, job.temperature, job.alpha};
  if (options.views > 0 && job.alpha > 0) {
    options.checkpoint = checkpoint("teacher.checkpoint");
    lessons = teach(teacher, split.train, options, progress);
    result.training_macs += total_macs(teacher) * split.train.size() * options.views;
    distillation.lessons = &lessons;
  }
  const auto train_on = [&](const Graph& graph, const TrainOptions& how) {
    TrainResult trained = train(graph, split.train, split.validation, how, distillation, progress);
    result.training_macs += trained.macs;
    return trained;
  };

  const double started = seconds_now();
  const Graph trainable = trainable_form(network, inputs_for(network, split.train, options.seed));
  CompressSearch search;
  WeightForms fixed;
  TrainResult trained;
  if (job.method == CompressMethod::kSparseComp) {
    if (!job.limits.nvm) fail("--method sparsecomp needs --nvm: it knows no other limit");
    const TrainOn labels_only = [&](const Graph& graph, const Samples& samples, const TrainOptions& how) {
      TrainResult done = train(graph, samples, split.validation, how, {}, progress);
      result.training_macs += done.macs;
      return done;
    };
    TrainOptions rounds = options, last = options;
    last.epochs = std::max(1, static_cast<int>(std::lround(kFinishingShare * options.epochs)));
    rounds.epochs = std::max(1, options.epochs - last.epochs);
    rounds.learning_rate *= kFinishingRate;
    SparseComp cut = run_sparsecomp(trainable, inputs_for(network, split.train, options.seed), split.train, rounds, *job.limits.nvm,
                                    job.checkpoints, labels_only);
    search = std::move(cut.search);
    fixed = fixed_forms(cut.graph, cut.forms, job.limits.nvm, false);
    last.forms = fixed;
    last.views = 0;
    last.learning_rate *= kFinishingRate;
    last.warmup_epochs = 0;
    last.checkpoint = checkpoint("last.checkpoint");
    trained = labels_only(cut.graph, split.train, last);
  } else {
    search = job.method == CompressMethod::kOurs
                 ? search_compression(trainable, split.train, split.validation, job.limits, platform, options.seed, options.device, progress)
                 : search_uniform(trainable, split.train, job.limits, job.method == CompressMethod::kQat8 ? 8 : 4, platform, options.seed,
                                  options.device, progress);
    result.search_seconds = seconds_now() - started;
    // Means and variances of the narrower network are other ones, and factors get a batch-norm of their own.
    const Graph structured = trainable_form(apply_structure(trainable, search.classes, search.plan), inputs_for(network, split.train, options.seed));
    TrainOptions first = options, last = options;
    last.epochs = std::max(1, static_cast<int>(std::lround(kFinishingShare * options.epochs)));
    first.epochs = std::max(1, options.epochs - last.epochs);
    first.warmup_epochs = std::min<double>(first.warmup_epochs, first.epochs);
    first.checkpoint = checkpoint("first.checkpoint"), last.checkpoint = checkpoint("last.checkpoint");
    first.forms = forms_of(structured, search);
    trained = train_on(structured, first);
    fixed = fixed_forms(trained.shadow, first.forms, job.limits.nvm, job.method != CompressMethod::kOurs);
    last.forms = fixed;
    last.learning_rate *= kFinishingRate;
    last.warmup_epochs = 0;
    trained = train_on(trained.shadow, last);
  }

  result.graph = simplify(with_bits(trained.graph, fixed));
  result.graph.metadata["compressed_from_bytes"] = std::to_string(result.parameter_bytes_before);
  result.lowered = quantize_on(result.graph, split.train, kCalibrationImages, 0, options.seed);
  const Estimate after = estimate(result.lowered, platform);
  result.exported_bytes = after.constant_bytes;
  result.nvm_bytes = after.nvm_bytes, result.ram_bytes = after.ram_bytes, result.energy = after.energy;
  result.validation_accuracy = run_set(result.lowered, split.validation, "validating int8", progress).accuracy[0];
  result.layers = layer_report(network, result.lowered, search, after);

  const DataSet final_data = read_dataset(job.data, Half::kTest);
  result.test_images = final_data.test.size();
  result.accuracy_before = accuracy(logits(teacher, final_data.test, options.device), final_data.test.labels, class_count(network));
  result.accuracy = run_set(result.lowered, final_data.test, "testing int8", progress).accuracy[0];
  return result;
}

}  // namespace mj
