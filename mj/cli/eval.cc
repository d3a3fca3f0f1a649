// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "mj/base/text.h"
#include "mj/cli/command.h"
#include "mj/data/dataset.h"
#include "mj/flow/run_set.h"

namespace mj::cli {

void add_eval(CLI::App& app) {
  struct Options {
    CommonOptions common;
    ModelOptions model;
    EvaluateOptions evaluate;
    std::string data;
    std::int64_t limit = 0;
  };
  auto options = std::make_shared<Options>();
  CLI::App& command = add_command(app, options->common, "eval", "accuracy on the test images, by the reference evaluator",
                                  "millijoule eval student_int8.onnx --data fashion-mnist", false);
  options->model.add(command);
  add_rounding(command, options->evaluate.rounding);
  command.add_option("--data", options->data, "data set (docs/data.md)")->required()->type_name("SET");
  command.add_option("--limit", options->limit, "only the first N test images; 0 is all")->type_name("N")->check(CLI::NonNegativeNumber);
  command.callback([options] {
    TerminalProgress progress;
    const Graph graph = options->model.read();
    Samples test = read_dataset(options->data, Half::kTest).test;
    if (options->limit > 0 && options->limit < test.size()) {
      std::vector<std::int64_t> first(static_cast<std::size_t>(options->limit));
      std::iota(first.begin(), first.end(), 0);
      test = subset(test, first);
    }
    const SetRun run = run_set(graph, test, "evaluating", progress, options->evaluate);
    nlohmann::ordered_json exits = nlohmann::ordered_json::array();
    std::vector<std::vector<std::string>> rows;
    for (std::size_t k = 0; k < run.accuracy.size(); ++k) {
      const std::string& name = graph.value(graph.outputs[k]).name;
      exits.push_back({{"name", name}, {"accuracy", run.accuracy[k]}});
      rows.push_back({name, fmt::format("{:.2f} %", run.accuracy[k] * 100), thousands(test.size())});
    }
    if (!json_on_stdout(options->common)) fmt::print("{}", table_text(std::vector<std::string>{"output", "accuracy", "images"}, rows));
    write_json(options->common,
               {{"schema", 1}, {"accuracy", run.accuracy.back()}, {"n", test.size()}, {"per_exit", exits}});
  });
}

}  // namespace mj::cli
