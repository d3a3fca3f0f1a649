// SPDX-License-Identifier: Apache-2.0

// NAME.h and NAME.c.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "mj/base/error.h"
#include "mj/base/units.h"
#include "mj/emit/firmware.h"
#include "mj/ir/exits.h"
#include "mj/ir/tensor.h"

namespace mj {
namespace {

constexpr const char* kSpdx = "/* SPDX-License-Identifier: MIT-0 */\n";

const Type& input_type(const Program& program) { return program.graph.type(program.graph.inputs[0]); }

std::string value_macros(const std::string& prefix, const Type& type) {
  const Affine affine = int8_affine(type, "value");
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out, "#define {}_SHAPE {{{}}}\n", prefix, fmt::join(type.shape, ", "));
  fmt::format_to(out, "#define {}_BYTES {}\n", prefix, type.bytes());
  fmt::format_to(out, "#define {}_SCALE {}\n", prefix, float_literal(affine.scale));
  fmt::format_to(out, "#define {}_ZERO_POINT ({})\n", prefix, affine.zero_point);
  return text;
}

/// `#define AT_VALUE offset` for every activation, in order of birth.
std::string place_macros(const Graph& graph) {
  std::string text = "\n/* Where each activation lies in the arena. */\n";
  for (const Buffer& buffer : graph.plan->buffers) {
    fmt::format_to(std::back_inserter(text), "#define AT_{} {} /* {}, {} */\n", buffer.value, buffer.offset,
                   comment_text(graph.value(buffer.value).name), bytes_text(buffer.size));
  }
  return text;
}

std::string state_struct(const Program& program) {
  std::string members;
  if (const Bytes scratch = scratch_bytes(program.graph)) {
    members += fmt::format("  int16_t scratch[{}]; /* of the kernels, between which it holds nothing */\n", scratch / 2);
  }
  members += fmt::format("  int8_t arena[{}];    /* activations; see README.md for where each one lies */\n",
                         program.graph.plan->arena_bytes);
  return members;
}

std::string class_names(const Program& program) {
  std::vector<std::string> names;
  for (const std::string& name : program.graph.class_names) {
    names.push_back("    " + string_literal(name));
  }
  return fmt::format("const char* const {}_class_names[{}_CLASSES] = {{\n{},\n}};\n\n", program.name, program.macro,
                     fmt::join(names, ",\n"));
}

std::string pixel_definitions(const std::vector<Int8Table>& tables) {
  std::string text = "/* The input for each pixel value: scale, mean and deviation of the model, quantised. */\n";
  for (std::size_t c = 0; c < tables.size(); ++c) {
    text += array_definition("int8_t", fmt::format("pixel_{}", c), std::span<const std::int8_t>(tables[c]));
  }
  if (tables.size() > 1) {
    text += fmt::format("static const int8_t* const pixel_tables[{}] = {{", tables.size());
    for (std::size_t c = 0; c < tables.size(); ++c) {
      text += fmt::format("{}pixel_{}", c == 0 ? "" : ", ", c);
    }
    text += "};\n";
  }
  return text;
}

/// From `pixels` to `to`.
std::string pixel_loop(const Program& program, std::size_t tables) {
  const Bytes bytes = input_type(program).bytes();
  if (tables == 1) {
    return fmt::format(R"(  size_t i;
  for (i = 0; i < {}u; ++i) {{
    mj_store_i8(&to[i], pixel_0[pixels[i]]);
  }}
)",
                       bytes);
  }
  return fmt::format(R"(  size_t i, c;
  for (i = 0; i < {}u; i += {}u) {{
    for (c = 0; c < {}u; ++c) {{
      mj_store_i8(&to[i + c], pixel_tables[c][pixels[i + c]]);
    }}
  }}
)",
                     bytes, tables, tables);
}

/// Headers of the runtime that the interface needs.
std::string includes(const Program& program) {
  std::string lines;
  if (exit_count(program.graph) > 0) lines += "#include \"mj_policy.h\"\n";
  if (is_intermittent(program)) lines += "#include \"mj_units.h\"\n";
  return lines.empty() ? lines : "\n" + lines;
}

std::string state_summary(const Program& program) {
  return fmt::format("Call {0}_init once; then write an input, call {0}_infer and read the outputs.\n"
                     " * Nothing is allocated: all memory it writes is in {0}_state.", program.name);
}

std::string continuous_interface(const Program& program) {
  return fmt::format(R"(
/* Volatile memory: nothing in it need survive from one inference to the next. */
#define {1}_STATE_BYTES {2}
typedef struct {{
{3}}} {0}_state;

/* What the report says is what the compiler makes. */
typedef char {0}_assert_state_bytes[sizeof({0}_state) == {1}_STATE_BYTES ? 1 : -1];

void {0}_init({0}_state* state);

/* Where the {1}_INPUT_BYTES of the input go. They are overwritten by {0}_infer. */
int8_t* {0}_input({0}_state* state);

/* Writes the input from unsigned bytes 0..255 in the input's order, as the model wants its pixels. */
void {0}_set_input_u8({0}_state* state, const uint8_t* pixels);

void {0}_infer({0}_state* state);

/* Output k, valid from {0}_infer until the next input is written. */
const int8_t* {0}_output(const {0}_state* state, uint8_t k);
)",
                 program.name, program.macro, state_bytes(program.graph), state_struct(program));
}

std::string whole_inference(const Program& program) {
  std::string text = fmt::format("void {0}_infer({0}_state* state) {{\n", program.name);
  std::string calls;
  for (std::size_t i = 0; i < program.layers.size(); ++i) calls += layer_calls(program, i);
  if (calls.empty()) {
    text += "  (void)state;\n";
  } else {
    text += "  int8_t* arena = state->arena;\n";
    if (scratch_bytes(program.graph) > 0) text += "  int16_t* scratch = state->scratch;\n";
    text += calls + "  MJ_LAYER(end);\n";
  }
  return text + "}\n\n";
}

std::string continuous_code(const Program& program, const std::string& pixels) {
  const Graph& graph = program.graph;
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out, R"(void {0}_init({0}_state* state) {{ state->arena[0] = 0; }}

int8_t* {0}_input({0}_state* state) {{ return state->arena + AT_{1}; }}

void {0}_set_input_u8({0}_state* state, const uint8_t* pixels) {{
  int8_t* to = {0}_input(state);
{2}}}

)",
                 program.name, graph.inputs[0], pixels);
  text += exit_count(graph) > 0 ? continuous_exits_code(program) : whole_inference(program);
  fmt::format_to(out, "const int8_t* {0}_output(const {0}_state* state, uint8_t k) {{\n", program.name);
  if (graph.outputs.size() == 1) {
    return text + fmt::format("  (void)k;\n  return state->arena + AT_{};\n}}\n", graph.outputs[0]);
  }
  std::vector<std::string> offsets;
  for (const ValueId output : graph.outputs) offsets.push_back(fmt::format("AT_{}", output));
  fmt::format_to(out, "  static const size_t offsets[{}_OUTPUTS] = {{{}}};\n  return state->arena + offsets[k];\n}}\n",
                 program.macro, fmt::join(offsets, ", "));
  return text;
}

}  // namespace

std::string layer_calls(const Program& program, std::size_t node) {
  if (program.layers[node].calls.empty()) return "";
  std::string calls = fmt::format("  MJ_LAYER({}); /* {} */\n", node, node_title(program.graph, node));
  for (const KernelCall& call : program.layers[node].calls) calls += "  " + with_tile(call.text, whole_tile(call.extent));
  return calls;
}

std::string node_title(const Graph& graph, std::size_t i) {
  const Node& node = graph.nodes[i];
  return fmt::format("{}: {} {} -> {}", i, op_name(node.op), comment_text(node.name),
                     shape_text(graph.type(node.output).shape));
}

std::string with_tile(std::string text, std::string_view tile) {
  const std::size_t at = text.find(kTile);
  MJ_CHECK(at != std::string::npos);
  return text.replace(at, std::string_view(kTile).size(), tile);
}

std::vector<Int8Table> pixel_tables(const Graph& graph) {
  const Type& type = graph.type(graph.inputs[0]);
  const std::size_t entries = std::max(graph.preprocess.mean.size(), graph.preprocess.std.size());
  const std::int64_t channels = type.shape.empty() ? 1 : type.shape.back();
  // One place with all channels, quantised as the whole input is.
  Graph place;
  place.preprocess = graph.preprocess;
  place.add_input("pixel", Type{type.dtype, {channels}, type.quant});
  std::vector<Int8Table> tables(entries > 1 ? static_cast<std::size_t>(channels) : 1);
  std::vector<float> pixels(static_cast<std::size_t>(channels));
  for (std::size_t value = 0; value < 256; ++value) {
    std::ranges::fill(pixels, static_cast<float>(value));
    const Tensor tensor = input_tensor(place, pixels);
    for (std::size_t c = 0; c < tables.size(); ++c) {
      tables[c][value] = tensor.as<std::int8_t>()[c];
    }
  }
  const bool same = std::ranges::all_of(tables, [&](const Int8Table& table) { return table == tables[0]; });
  tables.resize(same ? 1 : tables.size());
  return tables;
}

std::string print_header(const Program& program) {
  const Graph& graph = program.graph;
  std::string text = kSpdx;
  auto out = std::back_inserter(text);
  fmt::format_to(out, R"(/*
 * An int8 neural network. {4}
 */
#ifndef {1}_H
#define {1}_H

#include <stdint.h>
{5}
#ifdef __cplusplus
extern "C" {{
#endif

#define {1}_API_VERSION 1
#define {1}_BUILD_ID "{2}" /* hash of the code and constants */

/* A real number is SCALE * (q - ZERO_POINT). Images are {{height, width, channels}}. */
{3})",
                 program.name, program.macro, program.build_id, value_macros(program.macro + "_INPUT", input_type(program)),
                 is_intermittent(program) ? units_summary(program) : state_summary(program),
                 includes(program));
  fmt::format_to(out, "\n#define {}_OUTPUTS {}\n", program.macro, graph.outputs.size());
  for (std::size_t k = 0; k < graph.outputs.size(); ++k) {
    fmt::format_to(out, "/* output {}: {} */\n{}", k, comment_text(graph.value(graph.outputs[k]).name),
                   value_macros(fmt::format("{}_OUTPUT{}", program.macro, k), graph.type(graph.outputs[k])));
  }
  if (!graph.class_names.empty()) {
    fmt::format_to(out, "\n#define {1}_CLASSES {2}\nextern const char* const {0}_class_names[{1}_CLASSES];\n", program.name,
                   program.macro, graph.class_names.size());
  }
  text += is_intermittent(program) ? units_interface(program) : continuous_interface(program);
  if (exit_count(graph) > 0) text += exits_interface(program);
  return text + R"(
#ifdef __cplusplus
}
#endif

#endif
)";
}
std::string print_code(const Program& program) {
  const Graph& graph = program.graph;
  std::string text = kSpdx;
  auto out = std::back_inserter(text);
  fmt::format_to(out, "#include \"{}.h\"\n\n#include <stddef.h>\n\n{}#include \"mj_kernels.h\"\n#include \"mj_layer.h\"\n#include \"mj_store.h\"\n", program.name,
                 program.runtime.contains("mj_encoded.h") ? "#include \"mj_encoded.h\"\n" : "");
  text += place_macros(graph) + '\n';
  for (const ValueId id : stored_constants(graph)) {
    if (const auto far = program.far.find(id); far != program.far.end()) {
      fmt::format_to(out, "/* {}, in {}_far.S */\n#define constant_{} (MJ_FAR_BASE + {}ul)\n", comment_text(graph.value(id).name),
                     program.name, id, far->second);
      continue;
    }
    text += constant_definition(graph, id);
  }
  for (std::size_t i = 0; i < program.layers.size(); ++i) {
    if (!program.layers[i].constants.empty()) {
      fmt::format_to(out, "\n/* {} */\n{}", node_title(graph, i), program.layers[i].constants);
    }
  }
  const std::vector<Int8Table> tables = pixel_tables(graph);
  fmt::format_to(out, "\n{}\n", pixel_definitions(tables));
  if (!graph.class_names.empty()) {
    text += class_names(program);
  }
  if (exit_count(graph) > 0) text += exits_definitions(program);

  return text + (is_intermittent(program) ? units_code(program, pixel_loop(program, tables.size()))
                                         : continuous_code(program, pixel_loop(program, tables.size())));
}

}  // namespace mj
