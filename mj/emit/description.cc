// SPDX-License-Identifier: Apache-2.0

// README.md and manifest.json: what the firmware holds and what it costs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>

#include "mj/base/text.h"
#include "mj/base/units.h"
#include "mj/emit/firmware.h"
#include "mj/emit/json_number.h"
#include "mj/ir/exits.h"
#include "mj/pass/plan_units.h"

namespace mj {
namespace {

using Json = nlohmann::ordered_json;

/// A cell of a Markdown table from text from outside.
std::string cell(std::string_view text) {
  std::string safe = comment_text(text);
  std::ranges::replace_if(safe, [](char c) { return c == '<' || c == '>' || c == '[' || c == ']' || c == '#'; }, '_');
  return safe;
}

std::string memory_map(const Graph& graph) {
  std::vector<Buffer> buffers = graph.plan->buffers;
  std::ranges::sort(buffers, {}, [](const Buffer& b) { return std::tuple(b.first, b.offset, b.value); });
  std::string text = "| activation | offset | bytes | written by node | last read by node |\n|---|---:|---:|---:|---:|\n";
  const auto node = [&](std::int32_t index) {
    return index < 0 ? "input" : static_cast<std::size_t>(index) == graph.nodes.size() ? "output" : std::to_string(index);
  };
  for (const Buffer& buffer : buffers) {
    fmt::format_to(std::back_inserter(text), "| {} | {} | {} | {} | {} |\n", cell(graph.value(buffer.value).name),
                   buffer.offset, buffer.size, node(buffer.first), node(buffer.last));
  }
  return text;
}

std::string layer_table(const Graph& graph, const Estimate* estimate) {
  std::string text = "| node | operator | output | multiply-accumulates | constants, bytes |";
  text += estimate ? " cycles | energy |\n|---|---|---|---:|---:|---:|---:|\n" : "\n|---|---|---|---:|---:|\n";
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const Cost counts = cost(graph, node);
    fmt::format_to(std::back_inserter(text), "| {}: {} | {} | {} | {} | {} |", i, cell(node.name), op_name(node.op),
                   shape_text(graph.type(node.output).shape), counts.macs, counts.weight_bytes);
    if (estimate) {
      fmt::format_to(std::back_inserter(text), " {:.0f} | {} |", estimate->layers[i].cycles,
                     to_text(estimate->layers[i].energy));
    }
    text += '\n';
  }
  return text;
}

std::string budget_table(const Platform& platform, const Estimate& estimate) {
  const auto whole = [](double value) { return static_cast<Bytes>(value); };
  return fmt::format(R"(
## Estimate for {}

| | needed | available |
|---|---:|---:|
| energy per inference | {} | |
| latency | {} | |
| cycles | {:.0f} | |
| non-volatile memory | {} | {} |
| volatile memory, stack included | {} | {} |
)",
                     cell(platform.title), to_text(estimate.energy), to_text(estimate.latency), estimate.cycles,
                     bytes_text(estimate.nvm_bytes), bytes_text(whole(platform.nvm_bytes.value)),
                     bytes_text(estimate.ram_bytes), bytes_text(whole(platform.ram_bytes.value)));
}

Json value_json(const Graph& graph, ValueId id) {
  const Type& type = graph.type(id);
  const Affine affine = int8_affine(type, "value");
  Json json;
  json["name"] = graph.value(id).name;
  json["shape"] = type.shape;
  json["bytes"] = type.bytes();
  json["scale"] = float_text(affine.scale);
  json["zero_point"] = affine.zero_point;
  return json;
}

/// Where the network may answer, the end last.
Json exits_json(const Program& program, const Platform* platform, const Estimate* estimate) {
  const Graph& graph = program.graph;
  const std::vector<std::int32_t> answers = answer_nodes(graph);
  const std::vector<double> temperatures = exit_temperatures(graph), thresholds = exit_thresholds(graph);
  std::vector<std::int64_t> units;
  if (is_intermittent(program)) units = decision_units(graph);
  std::vector<double> energies;
  if (platform && estimate) energies = exit_energies(program, *platform, *estimate);
  Json list = Json::array();
  for (std::size_t k = 0; k < answers.size(); ++k) {
    Json exit;
    exit["name"] = graph.value(graph.outputs[k]).name;
    exit["node"] = answers[k];
    if (!units.empty()) exit["unit"] = units[k];
    if (!energies.empty()) exit["energy_j"] = json_number(energies[k]);
    if (k + 1 < answers.size()) {
      exit["temperature"] = json_number(temperatures[k]);
      if (!thresholds.empty()) exit["threshold"] = json_number(thresholds[k]);
    }
    list.push_back(exit);
  }
  return list;
}

Json layer_json(const Graph& graph, std::size_t i, const Estimate* estimate) {
  const Node& node = graph.nodes[i];
  const Cost counts = cost(graph, node);
  Json json;
  json["name"] = node.name;
  json["op"] = op_name(node.op);
  json["kernel"] = kernel_name(counts.kernel);
  json["macs"] = counts.macs;
  json["outputs"] = counts.outputs;
  json["weight_bytes"] = counts.weight_bytes;
  json["scratch_bytes"] = scratch_bytes(graph, node);
  if (estimate) {
    json["cycles"] = json_number(estimate->layers[i].cycles);
    json["energy_j"] = json_number(estimate->layers[i].energy.value);
  }
  return json;
}

}  // namespace

std::string print_readme(const Program& program, const Platform* platform, const Estimate* estimate) {
  const Graph& graph = program.graph;
  std::string text;
  auto out = std::back_inserter(text);
  if (is_intermittent(program)) {
    text = units_readme(program) + memory_map(graph);
    if (platform && estimate) text += budget_table(*platform, *estimate);
    return text + "\n## Layers\n\n" + layer_table(graph, estimate);
  }
  fmt::format_to(out, R"(# {0}

An int8 network in strict C99: no allocation, no C library beyond `memcpy` and `memset`. `{0}.h` is the interface,
`{0}.c` the constants and the order of work, `mj_*` the kernels used. `manifest.json` says the same for programs.

    static {0}_state state;
    {0}_init(&state);
    {0}_set_input_u8(&state, pixels);      /* or write int8 to {0}_input(&state) */
    {0}_infer(&state);
    const int8_t* answer = {0}_output(&state, 0);

`make` builds `{0}_run` for the host: inputs of {1} bytes each on standard input (int8; pixels with `-u`), outputs on
standard output. For a target, compile `{0}.c` and the `mj_*.c` files with its compiler; what differs between targets is in
`mj_port.h`.

Build {2}, model {3}.

{7}## Memory

The state takes {4}, all of it volatile: {5} of activations and {6} of scratch.

)",
                 program.name, graph.type(graph.inputs[0]).bytes(), program.build_id, program.model_hash,
                 bytes_text(state_bytes(graph)), bytes_text(graph.plan->arena_bytes), bytes_text(scratch_bytes(graph)),
                 exit_count(graph) > 0 ? exits_readme(program) : "");
  text += memory_map(graph);
  if (platform && estimate) {
    text += budget_table(*platform, *estimate);
  }
  return text + "\n## Layers\n\n" + layer_table(graph, estimate);
}

std::string print_manifest(const Program& program, const Platform* platform, const Estimate* estimate) {
  const Graph& graph = program.graph;
  Json json;
  json["schema"] = 1;
  json["name"] = program.name;
  json["api_version"] = 1;
  json["build_id"] = program.build_id;
  json["model_hash"] = program.model_hash;
  json["target"] = program.target;
  json["platform"] = platform ? Json(platform->name) : Json();
  json["state_bytes"] = is_intermittent(program) ? volatile_bytes(program) : state_bytes(graph);
  json["arena_bytes"] = graph.plan->arena_bytes;
  json["scratch_bytes"] = scratch_bytes(graph);
  json["nvm_state_bytes"] = is_intermittent(program) ? nonvolatile_bytes(program) : 0;
  json["input"] = value_json(graph, graph.inputs[0]);
  json["outputs"] = Json::array();
  for (const ValueId output : graph.outputs) {
    json["outputs"].push_back(value_json(graph, output));
  }
  json["class_names"] = graph.class_names;
  if (exit_count(graph) > 0) json["exits"] = exits_json(program, platform, estimate);
  json["buffers"] = Json::array();
  for (const Buffer& buffer : graph.plan->buffers) {
    json["buffers"].push_back(Json{{"value", graph.value(buffer.value).name},
                                   {"offset", buffer.offset},
                                   {"bytes", buffer.size},
                                   {"first", buffer.first},
                                   {"last", buffer.last}});
  }
  json["layers"] = Json::array();
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    json["layers"].push_back(layer_json(graph, i, estimate));
  }
  if (estimate) {
    json["estimate"] = Json{{"cycles", json_number(estimate->cycles)},
                            {"energy_j", json_number(estimate->energy.value)},
                            {"latency_s", json_number(estimate->latency.value)},
                            {"nvm_bytes", estimate->nvm_bytes},
                            {"ram_bytes", estimate->ram_bytes}};
  }
  if (is_intermittent(program) && platform) {
    const UnitPlan& units = *graph.plan->units;
    const auto joules = [](std::int64_t pj) { return json_number(static_cast<double>(pj) * 1e-12); };
    json["nvm"] = program.nvm->name;
    json["word_bytes"] = units.word_bytes;
    json["charge_j"] = joules(units.charge_pj);
    json["boot_energy_j"] = joules(units.restart_pj);
    json["commit_energy_j"] = joules(units.commit_pj);
    json["commit_bytes"] = program.nvm->progress_bytes;
    json["result_bytes"] = result_bytes(program);
    json["arena_lower_bound_bytes"] = unit_arena_lower_bound(graph);
    json["input_offset"] = std::ranges::find(graph.plan->buffers, graph.inputs[0], &Buffer::value)->offset;
    json["units"] = "@units@";
    std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
    const std::size_t at = text.rfind("\"@units@\"");
    return text.replace(at, std::string_view("\"@units@\"").size(), unit_list(program, *platform));
  }
  // Names from a file may be anything; what is not UTF-8 becomes the replacement character.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace mj
