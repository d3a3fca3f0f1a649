// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "mj/arch/architecture.h"
#include "mj/base/text.h"
#include "mj/cli/command.h"
#include "mj/cli/training_options.h"
#include "mj/flow/train_job.h"
#include "mj/io/onnx.h"
#include "mj/pass/lower.h"

namespace mj::cli {

void add_distil(CLI::App& app) {
  struct Options {
    CommonOptions common;
    TrainingOptions training;
    std::string teacher;
    std::string student;
    double temperature = 4;
    double alpha = 0.9;
  };
  auto options = std::make_shared<Options>();
  CLI::App& command = add_command(app, options->common, "distil", "train a student to imitate a teacher",
                                  "millijoule distil --teacher teacher.onnx --student resnet-8-w8-s2 --data fashion-mnist -o student.onnx", true);
  command.add_option("--teacher", options->teacher, "model file of the teacher")->required()->type_name("MODEL");
  command.add_option("--student", options->student, "architecture, or a model file (*.onnx) to start from")->required()->type_name("NAME|MODEL");
  command.add_option("--temperature", options->temperature, "softens both distributions")->type_name("X")->check(CLI::PositiveNumber);
  command.add_option("--alpha", options->alpha, "weight of the teacher, 0 to 1")->type_name("X")->check(CLI::Range(0.0, 1.0));
  options->training.add(command);
  command.callback([options] {
    TerminalProgress progress;
    const Graph teacher = read_model(options->teacher);
    const Graph simple_teacher = simplify(teacher);
    TrainJob job;
    job.data = options->training.data;
    job.validation = options->training.validation;
    job.options = options->training.finished(options->common.seed);
    job.distillation = Distillation{&simple_teacher, options->temperature, options->alpha};
    const auto make = [&](const DataSet& data) {
      if (options->student.ends_with(".onnx")) return read_model(options->student);
      Graph graph = build(parse_architecture(options->student), data.train.shape, data.classes(), options->common.seed);
      graph.preprocess = teacher.preprocess;
      graph.class_names = data.class_names;
      return graph;
    };
    const TrainJobResult result = run_train_job(job, make, progress);
    write_onnx(options->training.output, result.training.graph);
    if (!json_on_stdout(options->common)) {
      fmt::print("{}: validation {:.2f} %, test {:.2f} % of {} images; {} MACs; written to {}\n", options->student,
                 result.training.validation_accuracy * 100, result.test_accuracy * 100, thousands(result.test_images),
                 thousands(result.training.macs), options->training.output);
    }
    write_json(options->common, {{"schema", 1},
                                 {"temperature", options->temperature},
                                 {"alpha", options->alpha},
                                 {"validation_accuracy", result.training.validation_accuracy},
                                 {"accuracy", result.test_accuracy},
                                 {"training_macs", result.training.macs}});
  });
}

}  // namespace mj::cli
