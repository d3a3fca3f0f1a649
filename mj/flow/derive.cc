// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/derive.h"

#include <algorithm>
#include <cmath>

#include "mj/base/random.h"
#include "mj/ir/cost.h"

namespace mj {
namespace {

constexpr double kDefaultAlpha = 0.9;
constexpr double kBelow = 0.6, kAbove = 1.6;
// Of the random streams keyed by the seed; the trainer uses others.
constexpr std::uint64_t kSubset = 0x61726d73;

/// A schedule squeezed into `share` of the full one's steps: whole epochs over as many samples as that leaves.
struct Squeezed {
  int epochs = 1;
  std::int64_t samples = 0;
};

Squeezed squeeze(int epochs, std::int64_t samples, double share, int batch) {
  const double images = share * epochs * static_cast<double>(samples);
  Squeezed result;
  result.epochs = std::max(1, static_cast<int>(std::ceil(share * epochs)));
  const auto wanted = static_cast<std::int64_t>(images / result.epochs);
  result.samples = std::clamp<std::int64_t>(wanted, std::min<std::int64_t>(2 * batch, samples), samples);
  return result;
}

/// The share of the full training's steps that each arm may take. Every arm trains the student; the teacher is asked once
/// for all of them.
double arm_share(const Graph& student, const Graph& teacher, const TrainOptions& full, int arms, double budget) {
  constexpr double kLargest = 0.08;
  const double step = 3 * static_cast<double>(total_macs(student)), question = static_cast<double>(total_macs(teacher));
  const double questions = full.views > 0 ? std::min(full.views, full.epochs) : full.epochs;
  const double training = full.epochs * step + questions * question;
  return std::min(kLargest, budget * training / (full.epochs * (arms * step + question)));
}

std::vector<std::uint8_t> right_answers(std::span<const float> scores, std::span<const std::int32_t> labels,
                                        std::int64_t classes) {
  std::vector<std::uint8_t> correct;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = scores.subspan(i * static_cast<std::size_t>(classes), static_cast<std::size_t>(classes));
    correct.push_back(std::max_element(row.begin(), row.end()) - row.begin() == labels[i]);
  }
  return correct;
}

}  // namespace

Derived derive_distillation(const Graph& student, const Graph& teacher, const Samples& train, const Samples& validation,
                            const TrainOptions& full, const Lessons* lessons, const DeriveOptions& options,
                            Progress& progress) {
  Derived result{options.temperature.value_or(0), options.alpha.value_or(kDefaultAlpha), 0, {}, 0};
  if (options.temperature && options.alpha) return result;
  const std::int64_t classes = class_count(teacher);
  const int arm_count = (options.temperature ? 1 : 3) + (options.alpha ? 0 : 1);
  const Squeezed short_run = squeeze(full.epochs, train.size(), arm_share(student, teacher, full, arm_count, options.budget), full.batch);

  const bool whole = short_run.samples == train.size();
  std::vector<std::int64_t> indices = permutation(train.size(), RandomStream(full.seed, kSubset));
  indices.resize(static_cast<std::size_t>(short_run.samples));
  const Samples part = whole ? train : subset(train, indices);

  TrainOptions arm_options = full;
  arm_options.epochs = short_run.epochs;
  arm_options.warmup_epochs = full.warmup_epochs * short_run.epochs / full.epochs;
  arm_options.ema_decay = 0;  // an average over a run this short lags behind it
  arm_options.views = short_run.epochs;
  Lessons answers;
  if (lessons && whole) {
    // Views belong to places in the training samples: these are the full training's own.
    arm_options.views = std::min(lessons->views, short_run.epochs);
    answers.views = arm_options.views;
    answers.logits.assign(lessons->logits.begin(), lessons->logits.begin() + arm_options.views * train.size() * classes);
  } else {
    TrainOptions asked = arm_options;
    asked.checkpoint = options.checkpoints.empty() ? options.checkpoints : options.checkpoints / "arms-teacher.checkpoint";
    answers = teach(teacher, part, asked, progress);
    result.macs += total_macs(teacher) * part.size() * arm_options.views;
  }
  if (!options.temperature) {
    result.softening = softening_temperature(answers.logits, classes, options.objective);
    result.temperature = result.softening;
  }

  const auto run_arm = [&](double temperature, double alpha) {
    TrainOptions run = arm_options;
    run.checkpoint.clear();
    if (!options.checkpoints.empty()) {
      run.checkpoint = options.checkpoints / ("arm-" + std::to_string(result.arms.size()) + ".checkpoint");
    }
    const Distillation distillation{&teacher, temperature, alpha, &answers, options.objective};
    const TrainResult trained = mj::train(student, part, validation, run, distillation, progress);
    result.macs += trained.macs;
    const std::vector<float> scores = logits(trained.graph, validation, full.device);
    result.arms.push_back({temperature, alpha, trained.validation_accuracy, right_answers(scores, validation.labels, classes)});
  };
  const double middle = result.temperature;
  run_arm(middle, result.alpha);
  if (!options.alpha) run_arm(middle, 1);
  if (!options.temperature) {
    run_arm(middle * kBelow, result.alpha);
    run_arm(middle * kAbove, result.alpha);
    const std::size_t n = result.arms.size();
    result.temperature = choose_temperature(result.arms[n - 2], result.arms[0], result.arms[n - 1]);
  }
  if (!options.alpha) result.alpha = choose_alpha(result.arms[0], result.arms[1]);
  return result;
}

}  // namespace mj
