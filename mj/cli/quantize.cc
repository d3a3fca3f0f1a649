// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/cli/command.h"
#include "mj/data/dataset.h"
#include "mj/flow/deploy.h"
#include "mj/flow/quantize_job.h"
#include "mj/flow/run_set.h"
#include "mj/io/onnx.h"
#include "mj/ir/cost.h"
#include "mj/pass/quantize.h"

namespace mj::cli {

void add_quantize(CLI::App& app) {
  struct Options {
    CommonOptions common;
    ModelOptions model;
    std::string data;
    std::string output;
    int images = 500;
    std::optional<double> clip;
    int weight_bits = 8;
  };
  auto options = std::make_shared<Options>();
  CLI::App& command = add_command(app, options->common, "quantize", "a float network to int8, by TFLite's specification",
                                  "millijoule quantize student.onnx --data fashion-mnist -o student_int8.onnx", true);
  options->model.add(command);
  command.add_option("--data", options->data, "data set whose training images set the ranges (docs/data.md)")->required()->type_name("SET");
  command.add_option("-o,--output", options->output, "file for the int8 network (ONNX, quantise-dequantise pairs)")->required()->type_name("FILE");
  command.add_option("--images", options->images, "training images to calibrate on")->type_name("N")->check(CLI::Range(1, 1000000));
  command.add_option("--clip", options->clip, "largest share of activations that may be clipped where that lowers the error; 0 unless the network has exits")
      ->type_name("X")
      ->check(CLI::Range(0.0, 0.1));
  command.add_option("--weights", options->weight_bits, "bits of a weight; with 4, two are stored in a byte")
      ->type_name("8|4")
      ->check(CLI::IsMember({8, 4}));
  command.callback([options] {
    const Graph graph = options->model.read();
    if (is_quantized(graph)) fail("{}: is int8 already", options->model.path);
    const Samples train = read_dataset(options->data, Half::kTrain).train;
    // Without the option a weight keeps what it asks for.
    const Graph asked = options->weight_bits == 8 ? graph : ask_for_weight_bits(graph, options->weight_bits);
    const double clip = options->clip.value_or(usual_clip(graph));
    const Graph lowered = quantize_on(asked, train, options->images, clip, options->common.seed);
    write_onnx(options->output, lowered);
    if (!json_on_stdout(options->common)) {
      fmt::print("{}: {} bytes of parameters in int8, {} in float; peak of activations {}; written to {}\n", options->model.path,
                 thousands(parameter_bytes(lowered)), thousands(parameter_bytes(graph)), bytes_text(lowered.plan->arena_bytes),
                 options->output);
    }
    write_json(options->common, {{"schema", 1},
                                 {"parameter_bytes_before", parameter_bytes(graph)},
                                 {"parameter_bytes", parameter_bytes(lowered)},
                                 {"arena_bytes", lowered.plan->arena_bytes}});
  });
}

}  // namespace mj::cli
