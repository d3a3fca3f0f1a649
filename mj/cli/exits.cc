// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/text.h"
#include "mj/cli/command.h"
#include "mj/flow/exits_job.h"
#include "mj/io/onnx.h"
#include "mj/report/exits.h"

namespace mj::cli {
namespace {

struct ExitsArguments {
  CommonOptions common;
  ModelOptions model;
  ExitsJob job;
  std::string at = "auto";
  std::string method = "head";
  std::string platform = "msp430fr5994";
  std::string output;
  std::string device = "auto";
  std::string feature_memory = "6 GB";
  std::string features;
  std::string plot;
  bool resume = false;
};

std::vector<std::string> names_of(const std::string& list) {
  if (list == "auto") return {};
  std::vector<std::string> names;
  std::size_t begin = 0;
  while (begin <= list.size()) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    if (end > begin) names.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  if (names.empty()) fail("--at names no exit; expected auto, or names separated by commas");
  return names;
}

void print_tables(const ExitsArguments& options, const ExitsJobResult& result) {
  fmt::print("{}\n", table_text(exits_header(), exits_rows(result)));
  fmt::print("head: {} parameters, {} in int8, {} of state\n", thousands(result.head_parameters), bytes_text(result.head_bytes),
             bytes_text(result.state_bytes));
  fmt::print("with these thresholds: {} for {} on average, {:+.2f} points and {:+.1f} % energy against the network without exits\n\n",
             percent(result.chosen.test.accuracy), to_text(Joules(result.chosen.test.energy_j)),
             100 * (result.chosen.test.accuracy - result.full_accuracy),
             100 * (result.chosen.test.energy_j / result.full_energy.value - 1));
  std::vector<std::vector<std::string>> curve;
  for (const CurvePoint& point : result.curve) {
    curve.push_back({to_text(Joules(point.test.energy_j)), fmt::format("{:.1f} %", 100 * point.test.energy_j / result.full_energy.value),
                     percent(point.test.accuracy)});
  }
  fmt::print("{}", table_text(std::vector<std::string>{"average energy", "of full", "accuracy"}, curve));
  fmt::print("written to {}\n", options.output);
}

void run(ExitsArguments& options) {
  TerminalProgress progress;
  ExitsJob& job = options.job;
  job.head.method = parse_exit_method(options.method);
  job.at = names_of(options.at);
  job.training.device = parse_device(options.device);
  job.training.seed = options.common.seed;
  job.training.checkpoint = options.output + ".checkpoint";
  job.most_feature_bytes = parse_bytes(options.feature_memory);
  job.features = options.features;
  if (!options.resume) std::filesystem::remove(job.training.checkpoint);
  const Graph network = options.model.read();
  const Platform platform = find_platform(options.platform);
  const ExitsJobResult result =
      with_context(options.model.path, [&] { return run_exits_job(network, job, platform, progress); });
  write_onnx(options.output, result.graph);
  if (!options.plot.empty()) write_file(options.plot, exits_plot(result));
  if (!json_on_stdout(options.common)) print_tables(options, result);
  nlohmann::ordered_json json{{"schema", 1}, {"method", options.method}};
  json.update(exits_json(result));
  write_json(options.common, json);
}

}  // namespace

void add_exits(CLI::App& app) {
  auto options = std::make_shared<ExitsArguments>();
  CLI::App& command = add_command(app, options->common, "exits", "one early-exit head that answers at any exit",
                                  "millijoule exits teacher.onnx --data fashion-mnist -o teacher_exits.onnx", true);
  ExitsJob& job = options->job;
  options->model.add(command);
  command.add_option("--data", job.data, "data set: fashion-mnist, cifar10:DIR, ... (docs/data.md)")->required()->type_name("SET");
  command.add_option("-o,--output", options->output, "file for the network with exits (ONNX)")->required()->type_name("FILE");
  command.add_option("--at", options->at, "auto, or names of layers to exit behind, separated by commas")->type_name("NAMES");
  command.add_option("--most", job.most, "how many exits auto chooses at most")->type_name("N")->check(CLI::Range(1, 64));
  command.add_option("--method", options->method, "head, or a baseline: gnet, flat (a branch per exit), pooled")->type_name("NAME");
  command.add_option("--width", job.head.width, "channels of the head's state")->type_name("N")->check(CLI::Range(1, 1024));
  command.add_option("--grid", job.head.grid, "rows and columns features are pooled to")->type_name("N")->check(CLI::Range(1, 64));
  command.add_option("--platform", options->platform, "device whose energy is counted")->type_name("NAME");
  command.add_option("--epochs", job.training.epochs, "passes over the features")->type_name("N")->check(CLI::Range(1, 100000));
  command.add_option("--batch", job.training.batch, "images per step")->type_name("N")->check(CLI::Range(2, 65536));
  command.add_option("--lr", job.training.learning_rate, "peak learning rate of Adam; cosine to zero")->type_name("X")->check(CLI::PositiveNumber);
  command.add_option("--weight-decay", job.training.weight_decay, "decoupled; not on biases")->type_name("X")->check(CLI::NonNegativeNumber);
  command.add_option("--alpha", job.training.alpha, "weight of the network's own logits as teacher")->type_name("X")->check(CLI::Range(0.0, 1.0));
  command.add_option("--temperature", job.training.temperature, "softens both distributions")->type_name("X")->check(CLI::PositiveNumber);
  command.add_option("--views", job.views, "augmented views of each image; the network is run once on each")->type_name("N")->check(CLI::Range(1, 1000));
  command.add_option("--crop", job.augment.crop_pad, "random shift by up to N pixels")->type_name("N")->check(CLI::Range(0, 64));
  command.add_flag("--flip,!--no-flip", job.augment.flip, "mirror images at random (the default)");
  command.add_option("--cutout", job.augment.cutout, "side of a square blanked at random")->type_name("N")->check(CLI::Range(0, 1024));
  command.add_option("--validation", job.validation, "share of the training images held out")->type_name("X")->check(CLI::Range(0.01, 0.5));
  command.add_option("--choose-on", job.choose_on, "a set the network has not seen; its training images decide on thresholds, not held-out ones")->type_name("SET");
  command.add_option("--drop", job.drop, "accuracy that the thresholds may cost, 0 to 1; on validation they keep a standard error from it")->type_name("X")->check(CLI::Range(0.0, 1.0));
  command.add_option("--thresholds", job.thresholds, "confidences to stop at, one per exit, instead of fitted ones")->type_name("X,...")->delimiter(',');
  command.add_option("--features", options->features, "file that keeps the features for further runs")->type_name("FILE");
  command.add_option("--feature-memory", options->feature_memory, "what the features may take")->type_name("SIZE");
  command.add_option("--plot", options->plot, "file for a plot of accuracy against energy (SVG)")->type_name("FILE");
  command.add_option("--device", options->device, "where to train: auto, cpu or cuda")->type_name("NAME");
  command.add_flag("--resume", options->resume, "continue from the checkpoint beside the output");
  command.callback([options] { run(*options); });
}

}  // namespace mj::cli
