// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/cli/command.h"
#include "mj/flow/deploy.h"
#include "mj/flow/fate.h"
#include "mj/io/onnx.h"
#include "mj/ir/cost.h"
#include "mj/ir/memory.h"

namespace mj::cli {
namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string name_of(const Node& node) { return node.name.empty() ? op_name(node.op) : node.name; }

/// A name as a table can hold it. Converters of TFLite join all they fused with semicolons.
std::string short_name(const std::string& name) {
  constexpr std::size_t kLongest = 40, kHead = 14;
  const auto joined = name.find(';');
  const std::string first = joined == std::string::npos ? name : name.substr(0, joined);
  if (first.size() <= kLongest) return joined == std::string::npos ? first : first + ";...";
  return first.substr(0, kHead) + "..." + first.substr(first.size() - (kLongest - kHead - 3));
}

std::string op_text(const Op& op) {
  const Range* clamp = fused_clamp(op);
  if (!clamp || clamp->none()) return op_name(op);
  return std::string(op_name(op)) + (*clamp == Range{0, kInfinity} ? "+relu"
                                     : *clamp == Range{0, 6}       ? "+relu6"
                                                                   : "+clamp");
}

std::string fate_text(const Fate& fate, const Node& node, const Graph& deployed) {
  if (fate.kind == Fate::Kind::kDropped) return "nothing";
  const Node& step = deployed.nodes[static_cast<std::size_t>(fate.step)];
  if (fate.kind == Fate::Kind::kFused) return fmt::format("in step {}", fate.step);
  if (step.op.index() != node.op.index()) return fmt::format("step {} ({})", fate.step, op_name(step.op));
  return fmt::format("step {}", fate.step);
}

std::int64_t parameters_of(const Graph& graph, const Node& node) {
  std::int64_t parameters = 0;
  for (ValueId input : node.inputs) parameters += graph.value(input).constant() ? graph.type(input).count() : 0;
  return parameters;
}

Rows layer_rows(const Graph& graph, const Graph* deployed) {
  const std::vector<Fate> fate = deployed ? fates(graph, *deployed) : std::vector<Fate>(graph.nodes.size());
  Rows rows;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const Cost counts = cost(graph, node);
    rows.push_back({short_name(name_of(node)), op_text(node.op), shape_text(graph.type(node.output).shape),
                    thousands(counts.macs), thousands(parameters_of(graph, node)), thousands(counts.weight_bytes),
                    thousands(counts.activation_out_bytes), deployed ? fate_text(fate[i], node, *deployed) : ""});
  }
  return rows;
}

/// One character per step, or per few: where a buffer lives.
std::string life_text(const Buffer& buffer, std::int32_t steps) {
  constexpr std::int32_t kWidest = 48;
  const std::int32_t per = (steps + kWidest - 1) / kWidest;
  std::string text;
  for (std::int32_t from = 0; from < steps; from += per) {
    text += buffer.first < from + per && buffer.last >= from ? '#' : '.';
  }
  return text;
}

/// When each buffer of the deployed network lives.
Rows memory_rows(const Graph& deployed) {
  Rows rows;
  const auto steps = static_cast<std::int32_t>(deployed.nodes.size());
  for (const Buffer& buffer : deployed.plan->buffers) {
    rows.push_back({short_name(deployed.value(buffer.value).name), shape_text(deployed.type(buffer.value).shape),
                    thousands(buffer.offset), thousands(buffer.size),
                    buffer.first < 0 ? "input" : std::to_string(buffer.first),
                    buffer.last >= steps ? "end" : std::to_string(buffer.last), life_text(buffer, steps)});
  }
  return rows;
}

void print_table(const std::vector<std::string>& header, const Rows& rows) {
  fmt::print("{}", table_text(header, rows));
}

nlohmann::ordered_json layers_json(const Graph& graph, const Graph* deployed) {
  const std::vector<Fate> fate = deployed ? fates(graph, *deployed) : std::vector<Fate>(graph.nodes.size());
  nlohmann::ordered_json layers = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const Cost counts = cost(graph, node);
    nlohmann::ordered_json layer{{"name", name_of(node)},
                                 {"op", op_name(node.op)},
                                 {"shape", graph.type(node.output).shape},
                                 {"macs", counts.macs},
                                 {"parameters", parameters_of(graph, node)},
                                 {"bytes", counts.weight_bytes},
                                 {"activation_bytes", counts.activation_out_bytes}};
    if (deployed) {
      layer["step"] = fate[i].step;
      layer["fused"] = fate[i].kind == Fate::Kind::kFused;
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

nlohmann::ordered_json buffers_json(const Graph& deployed) {
  nlohmann::ordered_json buffers = nlohmann::ordered_json::array();
  for (const Buffer& buffer : deployed.plan->buffers) {
    buffers.push_back({{"name", deployed.value(buffer.value).name},
                       {"offset", buffer.offset},
                       {"bytes", buffer.size},
                       {"first_step", buffer.first},
                       {"last_step", buffer.last}});
  }
  return buffers;
}

/// Says all that stands in the way of a network, and ends the command.
[[noreturn]] void refuse(const CommonOptions& common, const std::string& path, const std::vector<Unsupported>& list) {
  nlohmann::ordered_json unsupported = nlohmann::ordered_json::array();
  for (const Unsupported& item : list) {
    unsupported.push_back({{"node", item.node}, {"op", item.op}, {"reason", item.reason}});
    if (!json_on_stdout(common)) fmt::print("{} ({}): {}\n", item.node, item.op, item.reason);
  }
  write_json(common, {{"schema", 1}, {"unsupported", unsupported}});
  fail("{}: {} unsupported operator{}", path, list.size(), list.size() == 1 ? "" : "s");
}

void print_report(const Graph& graph, const Graph* deployed, const std::string& obstacle) {
  std::vector<std::string> header{"layer",      "op",    "output",           "MACs",
                                  "parameters", "bytes", "activation bytes", "becomes"};
  if (!deployed) header.pop_back();
  print_table(header, layer_rows(graph, deployed));
  const Type& input = graph.type(graph.inputs[0]);
  fmt::print("\ninput {} {}; {} MACs, {} parameters, {} as stored\n", shape_text(input.shape), dtype_name(input.dtype),
             thousands(total_macs(graph)), thousands(parameter_count(graph)), bytes_text(parameter_bytes(graph)));
  if (!deployed) {
    fmt::print("\nNot for a device as it is: {}\n", obstacle);
    return;
  }
  fmt::print(
      "\nAs deployed in int8: {} steps for {} layers, {} of parameters; peak RAM {}: activations {}, scratch {}\n\n",
      deployed->nodes.size(), graph.nodes.size(), bytes_text(parameter_bytes(*deployed)),
      bytes_text(state_bytes(*deployed)), bytes_text(deployed->plan->arena_bytes),
      bytes_text(scratch_bytes(*deployed)));
  print_table({"buffer", "shape", "offset", "bytes", "from step", "to step", "lives"}, memory_rows(*deployed));
}

}  // namespace

void add_inspect(CLI::App& app) {
  struct Options {
    CommonOptions common;
    std::string model;
  };
  auto options = std::make_shared<Options>();
  CLI::App& command =
      add_command(app, options->common, "inspect", "layers, shapes, MACs, bytes, peak RAM, unsupported operators",
                  "millijoule inspect model.onnx", false);
  command.add_option("MODEL", options->model, "an ONNX or TFLite file")->required()->type_name("");
  command.callback([options] {
    const ImportResult imported = import_model(options->model);
    if (!imported.unsupported.empty()) refuse(options->common, options->model, imported.unsupported);
    const Graph& graph = imported.graph;
    // What cannot run on a device can still be looked at.
    std::optional<Graph> deployed;
    std::string obstacle;
    try {
      deployed = deployed_form(graph);
      for (const Node& node : deployed->nodes) {
        const Type& type = deployed->type(node.output);
        if (type.dtype != DType::kI8)
          fail("{} computes {}; expected i8 throughout", describe(node), dtype_name(type.dtype));
      }
    } catch (const Error& error) {
      deployed.reset();
      obstacle = error.what();
    }
    const Graph* form = deployed ? &*deployed : nullptr;
    if (!json_on_stdout(options->common)) print_report(graph, form, obstacle);
    nlohmann::ordered_json json{{"schema", 1},
                                {"macs", total_macs(graph)},
                                {"parameters", parameter_count(graph)},
                                {"parameter_bytes", parameter_bytes(graph)}};
    json["peak_ram_bytes"] = form ? nlohmann::ordered_json(state_bytes(*form)) : nlohmann::ordered_json();
    json["layers"] = layers_json(graph, form);
    if (form) json["buffers"] = buffers_json(*form);
    if (!form) json["obstacle"] = obstacle;
    json["unsupported"] = nlohmann::ordered_json::array();
    write_json(options->common, json);
  });
}

}  // namespace mj::cli
