// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/cli/command.h"
#include "mj/cli/training_options.h"
#include "mj/flow/distil_job.h"
#include "mj/flow/student.h"
#include "mj/io/onnx.h"

namespace mj::cli {
namespace {

/// Refuses what is neither "auto" nor a number within the limits.
CLI::Validator number_or_auto(double low, double high) {
  return CLI::Validator(
      [low, high](std::string& text) -> std::string {
        if (text == "auto") return {};
        const std::optional<double> number = parse_number(text);
        if (number && *number >= low && *number <= high) return {};
        return fmt::format("'{}' is neither 'auto' nor a number from {} to {}", text, low, high);
      },
      "");
}

void print_arms(const DistilJobResult& result) {
  const Derived& derived = result.derived;
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < derived.arms.size(); ++i) {
    const Arm& arm = derived.arms[i];
    rows.push_back({std::to_string(i + 1), fmt::format("{:.3g}", arm.temperature), fmt::format("{:.3g}", arm.alpha),
               fmt::format("{:.2f} %", 100 * arm.accuracy)});
  }
  fmt::print("{}", table_text(std::vector<std::string>{"short training", "temperature", "alpha", "validation"}, rows));
  if (derived.softening > 0) fmt::print("the teacher alone suggests temperature {:.3g}\n", derived.softening);
  fmt::print("chosen: temperature {:.3g}, alpha {:.3g}; all together {:.2f} trainings\n\n", derived.temperature, derived.alpha,
             static_cast<double>(result.cost_macs) / static_cast<double>(result.training_macs));
}

}  // namespace

void add_distil(CLI::App& app) {
  struct Options {
    CommonOptions common;
    TrainingOptions training;
    ModelOptions teacher;
    std::string student;
    std::string temperature = "auto";
    std::string alpha = "auto";
    std::string objective = "kd";
    std::string lessons;
  };
  auto options = std::make_shared<Options>();
  CLI::App& command = add_command(app, options->common, "distil", "train a student to imitate a teacher",
                                  "millijoule distil --teacher teacher.onnx --student resnet-8-w8-s2 --data fashion-mnist -o student.onnx", true);
  command.add_option("--teacher", options->teacher.path, "model file of the teacher")->required()->type_name("MODEL");
  options->teacher.add_preprocessing(command);
  command.add_option("--student", options->student, "architecture, a model file to start from, or what 'students' calls a network without some blocks and channels, e.g. teacher/drop2/width0.5")->required()->type_name("NAME|MODEL");
  command.add_option("--temperature", options->temperature, "softens both distributions; 'auto' derives it (docs/distillation.md)")
      ->type_name("auto|X")->check(number_or_auto(1e-3, 1000));
  command.add_option("--alpha", options->alpha, "weight of the teacher, 0 to 1; 'auto' derives it")
      ->type_name("auto|X")->check(number_or_auto(0, 1));
  command.add_option("--objective", options->objective, "kd, kd+ls (standardised logits) or dkd (decoupled)")
      ->type_name("NAME")->check(CLI::IsMember({"kd", "kd+ls", "dkd"}));
  command.add_option("--views", options->training.train.views, "views of each image the teacher is asked about, once; 0: new ones every epoch")
      ->type_name("N")->check(CLI::Range(0, 1000));
  command.add_option("--lessons", options->lessons, "file that keeps what the teacher says of the views, for further students with the same seed and augmentation")
      ->type_name("FILE");
  options->training.add(command);
  command.callback([options] {
    if (!options->lessons.empty() && options->training.train.views == 0) throw CLI::ValidationError("--lessons", "needs --views of at least 1");
    TerminalProgress progress;
    DistilJob job;
    job.teacher = options->teacher.read();
    job.training.data = options->training.data;
    job.training.validation = options->training.validation;
    job.training.options = options->training.finished(options->common.seed);
    job.derive.objective = parse_objective(options->objective);
    if (options->temperature != "auto") job.derive.temperature = parse_number(options->temperature);
    if (options->alpha != "auto") job.derive.alpha = parse_number(options->alpha);
    job.derive.checkpoints = options->training.work();
    job.lessons = options->lessons;
    const auto make = [&](const DataSet& data) {
      return named_student(options->student, job.teacher, options->teacher.path, data, options->common.seed);
    };
    const DistilJobResult result = run_distil_job(job, make, progress);
    const TrainJobResult& student = result.student;
    const Derived& derived = result.derived;
    write_onnx(options->training.output, student.training.graph);
    if (!json_on_stdout(options->common)) {
      if (!derived.arms.empty()) print_arms(result);
      fmt::print("{}: validation {:.2f} %, test {:.2f} % of {} images; {} MACs; written to {}\n", options->student,
                 student.training.validation_accuracy * 100, student.test_accuracy * 100, thousands(student.test_images),
                 thousands(result.cost_macs), options->training.output);
    }
    nlohmann::json arms = nlohmann::json::array();
    for (const Arm& arm : derived.arms) {
      arms.push_back({{"temperature", arm.temperature}, {"alpha", arm.alpha}, {"validation_accuracy", arm.accuracy}});
    }
    write_json(options->common, {{"schema", 1},
                                 {"objective", options->objective},
                                 {"temperature", derived.temperature},
                                 {"alpha", derived.alpha},
                                 {"softening_temperature", derived.softening},
                                 {"arms", arms},
                                 {"validation_accuracy", student.training.validation_accuracy},
                                 {"accuracy", student.test_accuracy},
                                 {"cost_macs", result.cost_macs},
                                 {"training_macs", result.training_macs}});
  });
}

}  // namespace mj::cli
