// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "mj/base/progress.h"
#include "mj/flow/exits_job.h"
#include "mj/flow/host_check.h"
#include "mj/flow/identify.h"
#include "mj/flow/meter.h"
#include "mj/flow/spec.h"
#include "mj/ir/graph.h"
#include "mj/learn/learn.h"
#include "mj/flow/derive.h"
#include "mj/platform/platform.h"

namespace mj {

/// A network with what it reaches and what it costs on the platform.
struct Contender {
  std::string name;
  double accuracy = 0;  ///< on test; 0..1
  std::int64_t parameters = 0;
  std::int64_t macs = 0;
  Joules energy;
  Seconds latency;
  Bytes nvm_bytes = 0;
  Bytes ram_bytes = 0;
};

/// Everything a design found out; the report prints it, nothing in it depends on the clock but `phases`.
struct DesignResult {
  Spec spec;
  Platform platform;
  Limits limits;
  std::vector<std::string> class_names;
  std::int64_t train_images = 0;
  std::int64_t validation_images = 0;
  std::int64_t test_images = 0;

  Contender teacher;
  Contender result;              ///< the int8 student as emitted
  double student_float_accuracy = 0;
  double teacher_validation_accuracy = 0;
  double student_validation_accuracy = 0;

  Derived derived;  ///< temperature and weight of the final distillation
  std::vector<Candidate> candidates;
  std::vector<double> epoch_loss;
  std::vector<double> epoch_accuracy;
  std::vector<std::int64_t> confusion;  ///< row-major {label, answer}, int8 student on test

  std::optional<ExitsJobResult> exits;      ///< of the float student, where the spec asks for them
  std::vector<double> int8_exit_accuracy;   ///< on test, the end last; empty without exits

  Graph student;  ///< float, trained, with its exits
  Graph lowered;  ///< int8, planned
  Estimate estimate;
  HostCheck host_check;
  std::vector<Phase> phases;
  std::string energy_source;  ///< of the phases' joules
};

/// How a design is run; nothing here changes the result.
struct DesignOptions {
  bool resume = false;  ///< continue from the checkpoints in the output folder; otherwise they are removed first
  Device device = Device::kAuto;
};

/// The whole job: characterise, identify, distil, add exits, quantise, emit, check on the host, measure on test. Writes teacher.onnx,
/// student.onnx, student_int8.onnx and firmware/ into `spec.output`; checkpoints live in `spec.output`/work.
DesignResult design(const Spec& spec, const DesignOptions& options, Progress& progress);

}  // namespace mj
