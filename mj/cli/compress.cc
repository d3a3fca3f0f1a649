// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/cli/command.h"
#include "mj/flow/compress_job.h"
#include "mj/io/onnx.h"

namespace mj::cli {
namespace {

struct CompressArguments {
  CommonOptions common;
  ModelOptions model;
  CompressJob job;
  std::string nvm, ram, energy, teacher;
  std::string method = "ours";
  std::string platform = "msp430fr5994";
  std::string output, float_output;
  std::string device = "auto";
  std::string precision = "float32";
  bool resume = false;
};

void print_tables(const CompressArguments& options, const CompressJobResult& result) {
  std::vector<std::vector<std::string>> rows;
  for (const CompressedLayer& layer : result.layers) {
    rows.push_back({layer.name, layer.kept_because.empty() ? layer.done : layer.done + " (" + layer.kept_because + ")",
                    thousands(layer.bytes_before), thousands(layer.weight_bytes), thousands(layer.index_bytes),
                    thousands(layer.scale_bytes), thousands(layer.bias_bytes), to_text(layer.energy),
                    fmt::format("{:.3g}", layer.sensitivity)});
  }
  const std::vector<std::string> header{"layer", "what was done", "B before", "weights", "indices", "scales", "biases", "energy", "sensitivity"};
  fmt::print("{}\n", table_text(header, rows));
  fmt::print("bytes: {} of float parameters to {} exported, {:.1f} times smaller; {} with code\n", thousands(result.parameter_bytes_before),
             thousands(result.exported_bytes), static_cast<double>(result.parameter_bytes_before) / static_cast<double>(result.exported_bytes),
             bytes_text(result.nvm_bytes));
  fmt::print("on {}: {} of RAM, {} per inference ({} in plain int8)\n", options.platform, bytes_text(result.ram_bytes),
             to_text(result.energy), to_text(result.energy_before));
  fmt::print("accuracy on {} test images: {} to {} in int8 (validation {} to {}); written to {}\n", thousands(result.test_images),
             percent(result.accuracy_before), percent(result.accuracy), percent(result.validation_before),
             percent(result.validation_accuracy), options.output);
}

nlohmann::ordered_json json_of(const CompressJobResult& result, const CompressArguments& options) {
  nlohmann::ordered_json layers = nlohmann::ordered_json::array();
  for (const CompressedLayer& layer : result.layers) {
    layers.push_back({{"name", layer.name},
                      {"done", layer.done},
                      {"kept_because", layer.kept_because},
                      {"bytes_before", layer.bytes_before},
                      {"weight_bytes", layer.weight_bytes},
                      {"index_bytes", layer.index_bytes},
                      {"scale_bytes", layer.scale_bytes},
                      {"bias_bytes", layer.bias_bytes},
                      {"density", layer.density},
                      {"sensitivity", layer.sensitivity},
                      {"energy_j", layer.energy.value}});
  }
  return {{"schema", 1},
          {"method", options.method},
          {"compressed", !result.nothing_to_do},
          {"parameter_bytes_before", result.parameter_bytes_before},
          {"exported_bytes", result.exported_bytes},
          {"nvm_bytes", result.nvm_bytes},
          {"ram_bytes", result.ram_bytes},
          {"energy_before_j", result.energy_before.value},
          {"energy_j", result.energy.value},
          {"accuracy_before", result.accuracy_before},
          {"accuracy", result.accuracy},
          {"validation_before", result.validation_before},
          {"validation_accuracy", result.validation_accuracy},
          {"n", result.test_images},
          {"training_macs", result.training_macs},
          {"layers", layers}};
}

void run(CompressArguments& options) {
  TerminalProgress progress;
  CompressOptions& job = options.job.options;
  if (!options.nvm.empty()) job.limits.nvm = parse_bytes(options.nvm);
  if (!options.ram.empty()) job.limits.ram = parse_bytes(options.ram);
  if (!options.energy.empty()) job.limits.energy = parse_energy(options.energy);
  job.method = parse_compress_method(options.method);
  job.training.seed = options.common.seed;
  job.training.device = parse_device(options.device);
  job.training.precision = parse_precision(options.precision);
  const Graph network = options.model.read();
  if (!options.teacher.empty()) job.teacher = read_model(options.teacher);
  const Platform platform = find_platform(options.platform);
  job.checkpoints = options.output + ".checkpoints";
  if (!options.resume) std::filesystem::remove_all(job.checkpoints);
  const CompressJobResult result = with_context(options.model.path, [&] { return run_compress_job(network, options.job, platform, progress); });
  std::filesystem::remove_all(job.checkpoints);
  if (result.nothing_to_do) {
    if (!json_on_stdout(options.common)) {
      fmt::print("{}: nothing to do: quantised to int8 it takes {} exported, {} of RAM and {} per inference, within the limits\n",
                 options.model.path, bytes_text(result.exported_bytes), bytes_text(result.ram_bytes), to_text(result.energy));
    }
  } else {
    write_onnx(options.output, result.lowered);
    if (!options.float_output.empty()) write_onnx(options.float_output, result.graph);
    if (!json_on_stdout(options.common)) print_tables(options, result);
  }
  write_json(options.common, json_of(result, options));
}

}  // namespace

void add_compress(CLI::App& app) {
  auto options = std::make_shared<CompressArguments>();
  CLI::App& command = add_command(app, options->common, "compress", "a network below limits of memory and energy",
                                  "millijoule compress teacher.onnx --data fashion-mnist --nvm 8kB --energy 2mJ -o small.onnx", true);
  CompressOptions& job = options->job.options;
  TrainOptions& train = job.training;
  train.epochs = 20;
  train.learning_rate = 0.05;
  options->model.add(command);
  command.add_option("--data", options->job.data, "data set: fashion-mnist, cifar10:DIR, ... (docs/data.md)")->required()->type_name("SET");
  command.add_option("-o,--output", options->output, "file for the compressed int8 network (ONNX)")->required()->type_name("FILE");
  command.add_option("--float", options->float_output, "file for the same network in float, its weights as compressed")->type_name("FILE");
  command.add_option("--nvm", options->nvm, "most exported bytes: weights, indices, scales, biases, tables, descriptions of layers; code comes on top")->type_name("SIZE");
  command.add_option("--ram", options->ram, "most volatile memory, stack included")->type_name("SIZE");
  command.add_option("--energy", options->energy, "most energy of one inference")->type_name("ENERGY");
  command.add_option("--platform", options->platform, "device whose energy and memory are counted")->type_name("NAME");
  command.add_option("--method", options->method, "ours, or a baseline: sparsecomp (as published), qat8 or qat4 (a narrower network of the same bytes)")->type_name("NAME");
  command.add_option("--epochs", train.epochs, "passes over the training images in all")->type_name("N")->check(CLI::Range(2, 100000));
  command.add_option("--batch", train.batch, "images per step")->type_name("N")->check(CLI::Range(2, 65536));
  command.add_option("--lr", train.learning_rate, "peak learning rate; cosine to zero")->type_name("X")->check(CLI::PositiveNumber);
  command.add_option("--weight-decay", train.weight_decay, "not on biases and batch-norm")->type_name("X")->check(CLI::NonNegativeNumber);
  command.add_option("--teacher", options->teacher, "a better network to learn from than the network as it was; its file says how pixels become its input")->type_name("MODEL");
  command.add_option("--temperature", job.temperature, "of the distillation from the teacher")->type_name("X")->check(CLI::PositiveNumber);
  command.add_option("--alpha", job.alpha, "weight of that distillation, 0 to 1")->type_name("X")->check(CLI::Range(0.0, 1.0));
  command.add_option("--views", train.views, "views of each image the teacher is asked about, once; 0: new ones every epoch")->type_name("N")->check(CLI::Range(0, 1000));
  command.add_option("--crop", train.augment.crop_pad, "random shift by up to N pixels")->type_name("N")->check(CLI::Range(0, 64));
  command.add_flag("--flip", train.augment.flip, "mirror images at random");
  command.add_option("--cutout", train.augment.cutout, "side of a square blanked at random")->type_name("N")->check(CLI::Range(0, 1024));
  command.add_option("--validation", options->job.validation, "share of the training images held out")->type_name("X")->check(CLI::Range(0.01, 0.5));
  command.add_option("--device", options->device, "where to train: auto, cpu or cuda")->type_name("NAME");
  command.add_option("--precision", options->precision, "what training computes with: float32, or bfloat16, faster where there is AMX or AVX512-BF16")->type_name("NAME");
  command.add_flag("--resume", options->resume, "continue from the checkpoints beside the output");
  command.callback([options] { run(*options); });
}

}  // namespace mj::cli
