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
#include "mj/ir/cost.h"

namespace mj::cli {

void add_train(CLI::App& app) {
  struct Options {
    CommonOptions common;
    TrainingOptions training;
    std::string architecture;
  };
  auto options = std::make_shared<Options>();
  CLI::App& command = add_command(app, options->common, "train", "a network from scratch",
                                  "millijoule train --arch resnet-8-w32-s2 --data fashion-mnist -o teacher.onnx --epochs 30 --flip --crop 2", true);
  command.add_option("--arch", options->architecture, "architecture, e.g. resnet-20-w16")->required()->type_name("NAME");
  options->training.add(command);
  command.callback([options] {
    TerminalProgress progress;
    const Architecture architecture = parse_architecture(options->architecture);
    TrainJob job;
    job.data = options->training.data;
    job.validation = options->training.validation;
    job.options = options->training.finished(options->common.seed);
    const auto make = [&](const DataSet& data) {
      Graph graph = build(architecture, data.train.shape, data.classes(), options->common.seed);
      graph.preprocess = standardise(data.train);
      graph.class_names = data.class_names;
      return graph;
    };
    const TrainJobResult result = run_train_job(job, make, progress);
    write_onnx(options->training.output, result.training.graph);
    const std::int64_t parameters = parameter_count(result.training.graph);
    if (!json_on_stdout(options->common)) {
      fmt::print("{}: {} parameters; validation {:.2f} %, test {:.2f} % of {} images; written to {}\n", to_text(architecture),
                 thousands(parameters), result.training.validation_accuracy * 100, result.test_accuracy * 100,
                 thousands(result.test_images), options->training.output);
    }
    write_json(options->common, {{"schema", 1},
                                 {"architecture", to_text(architecture)},
                                 {"parameters", parameters},
                                 {"validation_accuracy", result.training.validation_accuracy},
                                 {"accuracy", result.test_accuracy},
                                 {"training_macs", result.training.macs}});
  });
}

}  // namespace mj::cli
