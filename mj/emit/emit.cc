// SPDX-License-Identifier: Apache-2.0
#include "mj/emit/emit.h"

#include <algorithm>
#include <optional>
#include <variant>

#include "mj/base/error.h"
#include "mj/base/hash.h"
#include "mj/emit/device.h"
#include "mj/emit/far.h"
#include "mj/emit/firmware.h"
#include "mj/emit/machines.h"
#include "mj/emit/runtime_files.h"
#include "mj/ir/exits.h"
#include "mj/ir/text.h"
#include "mj/ir/verify.h"
#include "mj/pass/plan_units.h"

namespace mj {
namespace {

std::string hash_of(std::string_view text) { return hash_text(content_hash(std::as_bytes(std::span(text)))); }

std::string capitals(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') {
      c = static_cast<char>(c - 'a' + 'A');
    }
  }
  return text;
}

void check_border(const Graph& graph) {
  if (!graph.plan) {
    fail("the graph has no memory plan; lower it first");
  }
  if (graph.inputs.size() != 1) {
    fail("the network has {} inputs; emitted code takes one", graph.inputs.size());
  }
  if (graph.outputs.empty() || graph.outputs.size() > 255) {
    fail("the network has {} outputs; emitted code gives 1 to 255", graph.outputs.size());
  }
  const auto check = [&](ValueId id, const char* what) {
    with_context(fmt::format("{} '{}'", what, graph.value(id).name), [&] {
      if (graph.value(id).constant()) {
        fail("is a constant; expected an activation");
      }
      int8_affine(graph.type(id), "value");
    });
  };
  check(graph.inputs[0], "input");
  for (const ValueId output : graph.outputs) {
    check(output, "output");
  }
}

/// All nodes, or one `Error` that lists every one that cannot be printed.
std::vector<LayerCode> print_layers(const Graph& graph) {
  std::vector<LayerCode> layers;
  std::vector<std::string> refused;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    try {
      layers.push_back(print_layer(graph, static_cast<std::int32_t>(i)));
    } catch (const Error& error) {
      refused.emplace_back(error.what());
    }
  }
  if (refused.size() == 1) {
    fail("cannot emit {}", refused[0]);
  }
  if (!refused.empty()) {
    fail("cannot emit {} nodes:\n  {}", refused.size(), fmt::join(refused, "\n  "));
  }
  return layers;
}

/// An estimate stands for continuous firmware; here activations lie in non-volatile memory.
Estimate intermittent_estimate(const Program& program, const Platform& platform, const Estimate& continuous) {
  Estimate estimate = continuous;
  estimate.nvm_bytes += nonvolatile_bytes(program);
  estimate.ram_bytes = volatile_bytes(program) + static_cast<Bytes>(platform.stack_bytes.value);
  return estimate;
}

}  // namespace

std::vector<ValueId> stored_constants(const Graph& graph) {
  std::vector<ValueId> stored;
  for (const Node& node : graph.nodes) {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId id = node.inputs[i];
      // A linear layer's bias is stored by its layer, with the input's zero point in it.
      const bool folded = i == 2 && std::holds_alternative<Linear>(node.op);
      if (graph.value(id).constant() && !folded && std::ranges::find(stored, id) == stored.end()) {
        stored.push_back(id);
      }
    }
  }
  return stored;
}

Firmware emit(const Graph& lowered, const EmitOptions& options, const Platform* platform, const Estimate* estimate) {
  if (!is_identifier(options.name)) {
    fail("name '{}' cannot prefix C code; expected letters, digits and underscores, at most 63, that are no keyword",
         options.name);
  }
  check_target(options.target);
  check_border(lowered);
  verify(lowered);
  Program program{.graph = lowered, .name = options.name, .macro = capitals(options.name), .layers = print_layers(lowered)};
  program.target = options.target;
  program.far = far_weights(lowered, options.target);
  std::set<std::string> called{"mj_kernels.h", "mj_layer.h", "mj_port.h", "mj_store.h"};
  if (is_intermittent(program)) {
    prove_units(lowered);
    program.nvm = &find_nvm(options.nvm);
    const Bytes planned = lowered.plan->units->word_bytes;
    if (planned != program.nvm->word_bytes) {
      fail("the units are planned for words of {} bytes; '{}' memory has words of {}", planned, options.nvm,
           program.nvm->word_bytes);
    }
    called.insert("mj_units.h");
  }
  if (exit_count(lowered) > 0) called.insert("mj_policy.h");
  for (const LayerCode& layer : program.layers) {
    called.insert(layer.runtime.begin(), layer.runtime.end());
  }
  program.runtime = with_dependencies(called);
  program.model_hash = hash_of(print_text(lowered));

  Firmware firmware;
  std::string code = print_header(program) + print_code(program);
  for (const std::string& name : program.runtime) {
    const bool port = name == "mj_store.h" && is_intermittent(program);
    firmware[name] = runtime_files().at(port ? program.nvm->port : name);
    code += firmware[name];
  }
  program.build_id = hash_of(code);  // of the code before it holds its own hash
  firmware[program.name + ".h"] = print_header(program);
  firmware[program.name + ".c"] = print_code(program);
  firmware["main.c"] = print_driver(program);
  firmware["Makefile"] = print_makefile(program);
  std::optional<Estimate> own;
  if (is_intermittent(program) && platform && estimate) {
    estimate = &own.emplace(intermittent_estimate(program, *platform, *estimate));
  }
  firmware["README.md"] = print_readme(program, platform, estimate);
  firmware["manifest.json"] = print_manifest(program, platform, estimate);
  if (!program.far.empty()) firmware[program.name + "_far.S"] = print_far_weights(lowered, program.far);
  if (options.target != "host") {
    package_for_device(firmware, {program.name, program.macro, lowered.outputs.size(), is_intermittent(program)},
                       options.target);
  }
  return firmware;
}

}  // namespace mj
