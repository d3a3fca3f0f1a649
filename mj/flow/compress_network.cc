// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/compress_network.h"

#include <algorithm>
#include <cmath>

#include "mj/base/clock.h"
#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/flow/sparsecomp.h"
#include "mj/ir/cost.h"
#include "mj/pass/lower.h"
#include "mj/pass/passes.h"
#include "mj/pass/trainable.h"

namespace mj {
namespace {

constexpr int kNormImages = 500;
constexpr double kFinishingShare = 0.25;  // of the epochs, with fixed zeros
constexpr double kFinishingRate = 0.1;    // of the learning rate

WeightForms scaled_forms(const WeightForms& forms, double factor) {
  WeightForms scaled = forms;
  for (WeightForm& form : scaled.weights) {
    if (form.density < 1) form.density = std::min(1.0, form.density * factor);
  }
  return scaled;
}

/// The forms with their zeros fixed where the dense weights put them now, as many as fill the limits best. With `dense_stays`
/// weights without a density to meet are left to train freely.
WeightForms fixed_forms(const Graph& shadow, const WeightForms& forms, const CompressLimits& limits, const Platform& platform,
                        bool dense_stays) {
  const auto cost_at = [&](double factor) { return formed_estimate(shadow, scaled_forms(forms, factor), platform); };
  double low = 0.3, high = 1.3;
  if (const Estimate least = cost_at(low); !meets(limits, least)) {
    fail("the limits are missed after training: the fewest weights kept still take {} exported, {} of RAM and {}; a little more of "
         "what binds is needed", bytes_text(least.exported_bytes), bytes_text(least.ram_bytes), to_text(least.energy));
  }
  for (int step = 0; step < 10; ++step) {
    const double middle = (low + high) / 2;
    (meets(limits, cost_at(middle)) ? low : high) = middle;
  }
  WeightForms fixed = scaled_forms(forms, low);
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
  for (std::size_t i = 0; i < std::min<std::size_t>(order.size(), kNormImages); ++i) {
    inputs.push_back(input_tensor(graph, train.sample(order[i])));
  }
  return inputs;
}

}  // namespace

CompressMethod parse_compress_method(const std::string& text) {
  if (text == "ours") return CompressMethod::kOurs;
  if (text == "sparsecomp") return CompressMethod::kSparseComp;
  if (text == "qat8") return CompressMethod::kQat8;
  if (text == "qat4") return CompressMethod::kQat4;
  fail("no method '{}' of compression; expected ours, sparsecomp, qat8 or qat4", text);
}

CompressedNetwork compress_network(const Graph& network, const Split& split, const CompressOptions& wanted, const Platform& platform,
                                   Progress& progress) {
  const CompressLimits& limits = wanted.limits;
  if (wanted.method == CompressMethod::kSparseComp && !limits.nvm) fail("SparseComp needs a limit of NVM; it knows no other");
  if (wanted.method == CompressMethod::kSparseComp && wanted.teacher) fail("SparseComp learns from labels alone; expected no --teacher");
  CompressedNetwork result;
  TrainOptions options = wanted.training;
  const auto checkpoint = [&](const char* name) {
    return wanted.checkpoints.empty() ? std::filesystem::path() : wanted.checkpoints / name;
  };
  TrainOptions first = options, last = options;
  last.epochs = std::max(1, static_cast<int>(std::lround(kFinishingShare * options.epochs)));
  first.epochs = std::max(1, options.epochs - last.epochs);
  first.warmup_epochs = std::min<double>(first.warmup_epochs, first.epochs);
  first.checkpoint = checkpoint("first.checkpoint"), last.checkpoint = checkpoint("last.checkpoint");
  // One falling curve: the second phase goes on where the first ends.
  first.last_learning_rate = last.learning_rate = kFinishingRate * options.learning_rate;
  last.warmup_epochs = 0;

  const double started = steady_seconds();
  const std::vector<Tensor> inputs = inputs_for(network, split.train, options.seed);
  const Graph trainable = trainable_form(network, inputs);
  const auto counted = [&](TrainResult trained) {
    result.training_macs += trained.macs;
    return trained;
  };
  if (wanted.method == CompressMethod::kSparseComp) {
    const TrainOn labels_only = [&](const Graph& graph, const Samples& samples, const TrainOptions& how) {
      return counted(train(graph, samples, split.validation, how, {}, progress));
    };
    TrainOptions rounds = first;
    rounds.learning_rate = last.learning_rate;
    rounds.last_learning_rate = 0;
    SparseComp cut = run_sparsecomp(trainable, inputs, split.train, rounds, *limits.nvm, wanted.checkpoints, labels_only);
    last.views = 0;
    last.forms = fixed_forms(cut.graph, cut.forms, {limits.nvm, {}, {}}, platform, false);
    result.search = std::move(cut.search);
    result.graph = labels_only(cut.graph, split.train, last).graph;
  } else {
    result.search = wanted.method == CompressMethod::kOurs
                        ? search_compression(trainable, split.train, split.validation, limits, platform, options.seed, options.device, progress)
                        : search_uniform(trainable, split.train, limits, wanted.method == CompressMethod::kQat8 ? 8 : 4, platform,
                                         options.seed, options.device, progress);
    result.search_seconds = steady_seconds() - started;
    const Graph teacher = simplify(wanted.teacher ? *wanted.teacher : network);
    Lessons lessons;
    Distillation distillation{&teacher, wanted.temperature, wanted.alpha};
    if (options.views > 0 && wanted.alpha > 0) {
      options.checkpoint = checkpoint("teacher.checkpoint");
      lessons = teach(teacher, split.train, options, progress);
      result.training_macs += total_macs(teacher) * split.train.size() * options.views;
      distillation.lessons = &lessons;
    }
    const auto train_on = [&](const Graph& graph, const TrainOptions& how) {
      return counted(train(graph, split.train, split.validation, how, distillation, progress));
    };
    // Means and variances of the narrower network are other ones, and factors get a batch-norm of their own.
    const Graph structured = trainable_form(apply_structure(trainable, result.search.classes, result.search.plan), inputs);
    first.forms = forms_of(structured, result.search);
    const TrainResult trained = train_on(structured, first);
    last.forms = fixed_forms(trained.shadow, first.forms, limits, platform, wanted.method != CompressMethod::kOurs);
    result.graph = train_on(trained.shadow, last).graph;
  }
  result.graph = simplify(with_bits(result.graph, last.forms));
  // Fewer columns may leave no whole blocks of four.
  const Graph narrower = remove_dead_channels(result.graph);
  if (exported_bytes(lower_for_estimate(narrower)) < exported_bytes(lower_for_estimate(result.graph))) result.graph = narrower;
  return result;
}

}  // namespace mj
