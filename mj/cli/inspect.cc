// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/cli/command.h"
#include "mj/flow/deploy.h"
#include "mj/io/onnx.h"
#include "mj/ir/cost.h"

namespace mj::cli {
namespace {

std::string name_of(const Node& node) { return node.name.empty() ? op_name(node.op) : node.name; }

/// When each buffer of the deployed network lives, by value name.
std::vector<std::vector<std::string>> memory_rows(const Graph& deployed) {
  std::vector<std::vector<std::string>> rows;
  const auto steps = static_cast<std::int32_t>(deployed.nodes.size());
  for (const Buffer& buffer : deployed.plan->buffers) {
    rows.push_back({deployed.value(buffer.value).name, shape_text(deployed.type(buffer.value).shape), thousands(buffer.offset),
                    thousands(buffer.size), buffer.first < 0 ? "input" : std::to_string(buffer.first),
                    buffer.last >= steps ? "end" : std::to_string(buffer.last)});
  }
  return rows;
}

}  // namespace

void add_inspect(CLI::App& app) {
  struct Options {
    CommonOptions common;
    std::string model;
  };
  auto options = std::make_shared<Options>();
  CLI::App& command = add_command(app, options->common, "inspect", "layers, shapes, MACs, bytes, peak RAM, unsupported operators",
                                  "millijoule inspect model.onnx", false);
  command.add_option("MODEL", options->model, "an ONNX or TFLite file")->required()->type_name("");
  command.callback([options] {
    const bool quiet = json_on_stdout(options->common);
    const ImportResult imported = import_model(options->model);
    nlohmann::ordered_json unsupported = nlohmann::ordered_json::array();
    std::vector<std::vector<std::string>> trouble;
    for (const Unsupported& item : imported.unsupported) {
      unsupported.push_back({{"node", item.node}, {"op", item.op}, {"reason", item.reason}});
      trouble.push_back({item.node, item.op, item.reason});
    }
    if (!trouble.empty()) {
      if (!quiet) fmt::print("{}", table_text(std::vector<std::string>{"unsupported node", "op", "why, and how to avoid it"}, trouble));
      write_json(options->common, {{"schema", 1}, {"unsupported", unsupported}});
      fail("{}: {} of its operators are not supported", options->model, trouble.size());
    }
    const Graph& graph = imported.graph;
    const Graph deployed = deployed_form(graph);
    std::vector<std::vector<std::string>> rows;
    nlohmann::ordered_json layers = nlohmann::ordered_json::array();
    for (const Node& node : graph.nodes) {
      const Cost counts = cost(graph, node);
      std::int64_t parameters = 0;
      for (ValueId input : node.inputs) parameters += graph.value(input).constant() ? graph.type(input).count() : 0;
      rows.push_back({name_of(node), op_name(node.op), shape_text(graph.type(node.output).shape), thousands(counts.macs),
                      thousands(parameters), thousands(counts.weight_bytes), thousands(counts.activation_out_bytes)});
      layers.push_back({{"name", name_of(node)},
                        {"op", op_name(node.op)},
                        {"shape", graph.type(node.output).shape},
                        {"macs", counts.macs},
                        {"parameters", parameters},
                        {"bytes", counts.weight_bytes},
                        {"activation_bytes", counts.activation_out_bytes}});
    }
    if (!quiet) {
      fmt::print("{}", table_text(std::vector<std::string>{"layer", "op", "output", "MACs", "parameters", "bytes", "activation bytes"}, rows));
      fmt::print("\ninput {} {}; {} MACs, {} parameters, {} as stored\n", shape_text(graph.type(graph.inputs[0]).shape),
                 dtype_name(graph.type(graph.inputs[0]).dtype), thousands(total_macs(graph)), thousands(parameter_count(graph)),
                 bytes_text(parameter_bytes(graph)));
      fmt::print("\nAs deployed in int8: {} operators run ({} fold or fuse away), {} of parameters, peak RAM {}\n\n",
                 deployed.nodes.size(), graph.nodes.size() - std::min(graph.nodes.size(), deployed.nodes.size()),
                 bytes_text(parameter_bytes(deployed)), bytes_text(deployed.plan->arena_bytes));
      fmt::print("{}", table_text(std::vector<std::string>{"buffer", "shape", "offset", "bytes", "from step", "to step"}, memory_rows(deployed)));
    }
    write_json(options->common, {{"schema", 1},
                                 {"macs", total_macs(graph)},
                                 {"parameters", parameter_count(graph)},
                                 {"parameter_bytes", parameter_bytes(graph)},
                                 {"peak_ram_bytes", deployed.plan->arena_bytes},
                                 {"layers", layers},
                                 {"unsupported", unsupported}});
  });
}

}  // namespace mj::cli
