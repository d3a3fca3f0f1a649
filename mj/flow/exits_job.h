// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "mj/base/progress.h"
#include "mj/base/units.h"
#include "mj/data/dataset.h"
#include "mj/flow/exit_thresholds.h"
#include "mj/learn/exits.h"
#include "mj/platform/platform.h"

namespace mj {

/// Exits for a network with their data: what `millijoule exits` does.
struct ExitsJob {
  std::string data;                     ///< as `read_dataset` takes it
  double validation = 1.0 / 12;         ///< share of the training half held out
  std::vector<std::string> at;          ///< names of exit points; empty: found by themselves
  std::string choose_on;                ///< a data set the network has not seen, whose training images decide in place of held-out ones
  int most = 5;                         ///< how many are found
  HeadOptions head;
  HeadTraining training;
  int views = 8;                        ///< augmented views of each image
  Augmentation augment{4, true, 0};     ///< ignored when the samples are no images
  std::filesystem::path features;       ///< file that keeps the features; empty: none
  Bytes most_feature_bytes = 6'000'000'000;
  std::vector<double> thresholds;       ///< given ones; empty: fitted
  double drop = 0.01;                   ///< accuracy that fitted thresholds may cost, with a standard error to spare on validation
};

/// One exit; the network's own end is the last.
struct ExitFigures {
  std::string name;                  ///< of the output
  std::string at;                    ///< the exit point
  double accuracy = 0;               ///< test
  double validation_accuracy = 0;
  Joules energy;                     ///< of an inference that stops here, having asked the exits before
  Joules asking_energy;              ///< of this exit's own operators
  std::int64_t parameters = 0;       ///< added by this exit; what exits share counts where it is first needed
  Bytes head_bytes = 0;              ///< the same as bytes of constants in int8, biases and multipliers included
  Bytes state_bytes = 0;             ///< kept between this exit and the next for the head, in int8
  double temperature = 1;            ///< of the confidence
};

/// Accuracy and energy when thresholds decide.
struct CurvePoint {
  std::vector<double> thresholds;
  double validation_accuracy = 0;
  ExitOutcome test;
};

struct ExitsJobResult {
  Graph graph;                        ///< float, with outputs exit1..exitK and logits
  std::vector<ExitFigures> exits;     ///< K, and the end
  Joules full_energy;                 ///< of the network without exits
  double full_accuracy = 0;           ///< test
  std::int64_t head_parameters = 0;
  Bytes head_bytes = 0;
  Bytes state_bytes = 0;              ///< the largest of all exits
  std::vector<CurvePoint> curve;      ///< rising energy; thresholds fitted on validation
  CurvePoint chosen;                  ///< the given thresholds, or the cheapest whose cost on validation and its standard error are at most `drop`
  std::int64_t test_images = 0;
  std::int64_t training_images = 0;
  std::int64_t macs = 0;              ///< of the training: the network on every view, the head on every epoch
};

/// Chooses exits and trains, fits and thresholds them on train and validation alone; what is measured on test is left zero.
/// `job.data`, `job.validation` and `job.choose_on` are not looked at. Throws `Error` as below.
ExitsJobResult train_exits(const Graph& network, const Split& split, const ExitsJob& job, const Platform& platform,
                           Progress& progress);

/// Fills in what is measured on test: when all is decided, once.
void measure_exits(ExitsJobResult& result, const Samples& test, Device device, Progress& progress);

/// Energy is that of `platform`. Throws `Error` when data and network do not match, exits do not exist or there are none,
/// and on thresholds outside 0..1.
ExitsJobResult run_exits_job(const Graph& network, const ExitsJob& job, const Platform& platform, Progress& progress);

}  // namespace mj
