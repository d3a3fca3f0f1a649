// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/job.h"

#include <cmath>

#include "mj/base/error.h"
#include "mj/base/hash.h"
#include "mj/ir/text.h"

namespace mj {
namespace {

std::uint64_t mix(std::uint64_t hash, std::string_view text) {
  return content_hash(std::as_bytes(std::span(text)), hash);
}

std::uint64_t mix(std::uint64_t hash, const Samples& samples) {
  hash = mix(hash, shape_text(samples.shape));
  std::visit([&](const auto& elements) { hash = content_hash(std::as_bytes(std::span(elements)), hash); },
             samples.elements);
  return content_hash(std::as_bytes(std::span(samples.labels)), hash);
}

}  // namespace

void expect_option(bool holds, const char* name, double found, const char* expected) {
  if (!holds) fail("training option '{}' is {}; expected {}", name, found, expected);
}

std::uint64_t lessons_hash(const Graph& teacher, const Samples& train, const TrainOptions& options) {
  std::uint64_t hash = mix(content_hash({}), fmt::format("lessons {} {} {} {} {} {}\n", options.augment.crop_pad,
                                                         options.augment.flip, options.augment.cutout, options.views,
                                                         options.seed, to_text(options.precision)));
  return mix(mix(hash, print_text(teacher)), train);
}

void check_options(const TrainOptions& options, const std::optional<Distillation>& distillation) {
  const auto within = [](double value, double low, double high) { return value >= low && value <= high; };
  const double infinity = std::numeric_limits<double>::max();
  expect_option(options.epochs >= 1, "epochs", options.epochs, "at least 1");
  expect_option(options.batch >= 1, "batch", options.batch, "at least 1");
  expect_option(options.learning_rate > 0 && options.learning_rate <= infinity, "learning_rate", options.learning_rate,
                "a positive number");
  expect_option(options.last_learning_rate >= 0 && options.last_learning_rate <= options.learning_rate, "last_learning_rate", options.last_learning_rate,
                "0 to the learning rate");
  expect_option(within(options.warmup_epochs, 0, options.epochs), "warmup_epochs", options.warmup_epochs,
                "0 to the number of epochs");
  expect_option(options.momentum >= 0 && options.momentum < 1, "momentum", options.momentum, "at least 0 and below 1");
  expect_option(within(options.weight_decay, 0, infinity), "weight_decay", options.weight_decay, "at least 0");
  expect_option(options.label_smoothing >= 0 && options.label_smoothing < 1, "label_smoothing", options.label_smoothing,
                "at least 0 and below 1");
  expect_option(options.ema_decay >= 0 && options.ema_decay < 1, "ema_decay", options.ema_decay, "at least 0 and below 1");
  expect_option(within(options.augment.crop_pad, 0, 4096), "crop_pad", options.augment.crop_pad, "0 to 4096");
  expect_option(within(options.augment.cutout, 0, 4096), "cutout", options.augment.cutout, "0 to 4096");
  expect_option(within(options.views, 0, 1000), "views", options.views, "0 to 1000");
  expect_option(within(options.forms.sparse_until, 0, 1), "sparse_until", options.forms.sparse_until, "0 to 1");
  expect_option(within(options.forms.quantized_from, 0, 1), "quantized_from", options.forms.quantized_from, "0 to 1");
  if (!distillation) return;
  MJ_CHECK(distillation->teacher != nullptr);
  expect_option(distillation->temperature > 0 && distillation->temperature <= infinity, "temperature",
                distillation->temperature, "a positive number");
  expect_option(within(distillation->alpha, 0, 1), "alpha", distillation->alpha, "0 to 1");
  if (distillation->objective == Objective::kStandardised && distillation->teacher->outputs.size() == 1 &&
      class_count(*distillation->teacher) == 2) {
    fail("objective kd+ls needs at least 3 classes: two standardised logits are always 1 and -1");
  }
  if (distillation->lessons) MJ_CHECK(options.views > 0 && distillation->lessons->views == options.views);
}

std::uint64_t job_hash(const Graph& graph, const Samples& train, const Samples& validation, const TrainOptions& options,
                       const std::optional<Distillation>& distillation) {
  // %a is exact and the same everywhere.
  std::uint64_t hash = content_hash({});
  hash = mix(hash, fmt::format("{} {} {:a} {:a} {:a} {:a} {:a} {:a} {:a} {} {} {} {} {} {}\n", options.epochs, options.batch,
                               options.learning_rate, options.last_learning_rate, options.warmup_epochs, options.momentum, options.weight_decay,
                               options.label_smoothing, options.ema_decay, options.augment.crop_pad,
                               options.augment.flip, options.augment.cutout, options.views, options.seed, to_text(options.precision)));
  for (const WeightForm& form : options.forms.weights) {
    hash = mix(hash, fmt::format("form {} {:a} {} {} {} {:a} {:a}\n", form.weight, form.density, form.block, form.bits, form.per_tensor,
                                 options.forms.sparse_until, options.forms.quantized_from));
    hash = content_hash(std::as_bytes(std::span(form.kept)), hash);
  }
  hash = mix(hash, print_text(graph));
  if (distillation) {
    hash = mix(hash, fmt::format("distil {:a} {:a} {} {}\n", distillation->temperature, distillation->alpha,
                                 to_text(distillation->objective), distillation->lessons != nullptr));
    hash = mix(hash, print_text(*distillation->teacher));
  }
  return mix(mix(hash, train), validation);
}

}  // namespace mj
