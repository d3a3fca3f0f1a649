// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mj/base/units.h"
#include "mj/flow/student.h"
#include "mj/learn/objective.h"
#include "mj/learn/precision.h"
#include "mj/pass/exit_head.h"
#include "mj/platform/scenario.h"

namespace mj {

/// Exits to be added to the student.
struct ExitsSpec {
  std::vector<std::string> at;  ///< names of exit points; empty: found by themselves
  int count = 5;                ///< how many are found at most
  HeadOptions head;
  int epochs = 60;              ///< passes over the features
  int views = 8;                ///< augmented views of each image, as in [distil]
  double learning_rate = 0.005;
  double drop = 0.01;           ///< accuracy that the thresholds may cost
};

/// What to design, read from a SPEC.toml (`format = 1`); `docs/spec.md` lists every key.
struct Spec {
  std::filesystem::path teacher;         ///< a model file, relative to the spec
  std::string data;                      ///< as `read_dataset` takes it
  double validation = 1.0 / 12;          ///< share of the training half held out for choices
  std::string platform;                  ///< a name, or a path relative to the spec
  Joules energy;                         ///< per inference, given or from the scenario
  std::optional<Scenario> scenario;      ///< how the energy came about, where it was not given
  std::optional<Bytes> nvm;              ///< limits below the device's own
  std::optional<Bytes> ram;
  std::vector<Student> students;         ///< candidates; empty: members of the teacher's family, or its reductions

  int epochs = 10;                       ///< of the final distillation
  int batch = 128;
  double learning_rate = 0.1;
  double weight_decay = 5e-4;
  Objective objective = Objective::kPlain;
  std::optional<double> temperature = 4;  ///< none: derived
  std::optional<double> alpha = 0.9;      ///< none: derived
  int crop = 2;                          ///< augmentation: pixels of random shift
  bool flip = true;
  int views = 0;                         ///< different views of an image the teacher is asked about; 0: a new one each epoch
  double ema = 0;
  Precision precision = Precision::kFloat32;  ///< of all training

  double probe = 0.08;                   ///< share of the epochs each probe of stage 2 trains for
  int probes = 3;                        ///< candidates that are probed; 1 trusts the size alone
  std::optional<ExitsSpec> exits;
  int compress_epochs = 0;               ///< of the compression of the student to the limit of NVM; 0: none
  int calibration = 500;                 ///< training images that set the ranges of the int8 quantisation

  std::string name = "model";            ///< C identifier of the firmware
  std::filesystem::path output;          ///< folder for the results, relative to the working directory
  std::uint64_t seed = 1;
};

/// Parses and checks a spec. `folder` is what relative model and platform paths start from. Throws `Error` with file,
/// line and key.
Spec parse_spec(std::string_view text, const std::string& name, const std::filesystem::path& folder);
Spec read_spec(const std::filesystem::path& path);

}  // namespace mj
