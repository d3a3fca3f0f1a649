// SPDX-License-Identifier: Apache-2.0

// Firmware that survives power cuts: the same kernel calls as continuous firmware, reached unit by unit.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "mj/base/units.h"
#include "mj/emit/firmware.h"
#include "mj/ir/exits.h"
#include "mj/ir/tiles.h"

namespace mj {
namespace {

const UnitPlan& units_of(const Program& program) { return *program.graph.plan->units; }

Bytes in_words(const Program& program, Bytes bytes) {
  const Bytes word = units_of(program).word_bytes;
  return (bytes + word - 1) / word * word;
}

std::string tilings(const Program& program) {
  std::string text = fmt::format("/* How every call is cut into units, in order. */\nstatic const mj_tiling tilings[{}] = {{\n",
                                 units_of(program).tilings.size() + 1);
  for (const Tiling& tiling : units_of(program).tilings) {
    const Extent extent = extents(program.graph, tiling.node)[static_cast<std::size_t>(tiling.part)];
    text += fmt::format("    {{{}u, {}, {}, {}, {}, {}, {}, {}, {}}},\n", tiling.first, extent.rows, tiling.rows,
                        extent.columns, tiling.columns, extent.channels, tiling.channels, extent.depth, tiling.depth);
  }
  return text + "    {0xffffu, 0, 0, 0, 0, 0, 0, 0, 0},\n};\n\n";
}

/// The call, in a case of its own.
std::string case_text(std::size_t index, const KernelCall& call) {
  const std::string text = with_tile(call.text, "unit->tile");
  if (call.definitions.empty()) return fmt::format("    case {}:\n      {}      break;\n", index, text);
  std::string definitions;
  std::string_view rest = call.definitions;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n') + 1;
    definitions += "      " + std::string(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  return fmt::format("    case {}: {{\n{}      {}      break;\n    }}\n", index, definitions, text);
}

/// Where in a result stands which output the inference has come to, behind them all and in a word of its own.
Bytes reached_offset(const Program& program) { return result_offsets(program).back(); }

/// A result is copied as it lies.
std::string delivery_case(const Program& program, std::size_t index, std::size_t k) {
  const ValueId output = program.graph.outputs[k];
  const Bytes offset = result_offsets(program)[k], bytes = program.graph.type(output).bytes();
  const std::int64_t rows = extents(program.graph, delivery_index(program.graph))[k].rows;
  const std::string to = offset == 0 ? "result" : fmt::format("result + {}", offset);
  if (rows == 1) {
    return fmt::format("    case {}:\n      mj_store_bytes({}, {}, {}u);\n      break;\n", index, to, place_text(output), bytes);
  }
  return fmt::format(R"(    case {0}: {{
      const size_t first = (size_t)unit->tile.row0 * {3}u;
      const size_t end = (size_t)unit->tile.row1 * {3}u;
      mj_store_bytes({1} + first, {2} + first, end - first);
      break;
    }}
)",
                     index, to, place_text(output), bytes / rows);
}

/// `run_unit`: one case per tiling.
std::string dispatch(const Program& program) {
  const Graph& graph = program.graph;
  std::string cases;
  for (std::size_t i = 0; i < units_of(program).tilings.size(); ++i) {
    const Tiling& tiling = units_of(program).tilings[i];
    const auto node = static_cast<std::size_t>(tiling.node);
    const auto part = static_cast<std::size_t>(tiling.part);
    if (tiling.node == delivery_index(graph)) {
      cases += delivery_case(program, i, part);
    } else if (tiling.node == decision_index(graph)) {
      cases += fmt::format("    /* the answer of {} is there */\n    case {}:\n      mj_store_i8(result + {}, {});\n      break;\n",
                           comment_text(graph.value(graph.outputs[part]).name), i, reached_offset(program), part);
    } else {
      if (part == 0) cases += fmt::format("    /* {} */\n", node_title(graph, node));
      cases += case_text(i, program.layers[node].calls[part]);
    }
  }
  const bool scratch = scratch_bytes(graph) > 0;
  return fmt::format(R"(static void run_unit({0}_state* state, uint16_t tiling, const mj_unit* unit) {{
  int8_t* arena = state->kept->arena;
  int8_t* result = state->kept->result[state->lost.position >> 15];
{1}{3}  switch (tiling) {{
{2}    default:
      break;
  }}
}}

)",
                     program.name, scratch ? "  int16_t* scratch = state->lost.scratch;\n" : "", cases,
                     cases.find("unit->") == std::string::npos ? "  (void)unit;\n" : "");
}

std::string joules_text(std::int64_t picojoules) { return to_text(Joules{static_cast<double>(picojoules) * 1e-12}); }

std::int64_t costliest(const UnitPlan& units) {
  std::int64_t most = 0;
  for (const Tiling& tiling : units.tilings) most = std::max(most, tiling.energy_pj);
  return most;
}

std::string build_bytes(const Program& program) {
  std::string text;
  for (std::size_t i = 0; i + 1 < program.build_id.size(); i += 2) {
    text += fmt::format("{}0x{}", i == 0 ? "" : ", ", program.build_id.substr(i, 2));
  }
  return text;
}

}  // namespace

Bytes nonvolatile_bytes(const Program& program) {
  const Bytes head = in_words(program, program.nvm->progress_bytes) + in_words(program, 8) + 2 * in_words(program, 4);
  const Bytes bytes = head + 2 * result_bytes(program) + program.graph.plan->arena_bytes;
  const Bytes alignment = program.nvm->name == "fram" ? 2 : units_of(program).word_bytes;
  return (bytes + alignment - 1) / alignment * alignment;
}

Bytes volatile_bytes(const Program& program) { return 2 + scratch_bytes(program.graph); }

std::string units_readme(const Program& program) {
  const Graph& graph = program.graph;
  const UnitPlan& units = units_of(program);
  return fmt::format(R"(# {0}

An int8 network in strict C99 that power cuts cannot harm: no allocation, no C library beyond `memcpy` and `memset`.
`{0}.h` is the interface, `{0}.c` the constants and the order of work, `mj_*` the kernels used; `mj_store.h` is the port of
the non-volatile memory ({2}). `manifest.json` says the same for programs.

    MJ_NONVOLATILE static {0}_nonvolatile kept;
    static {0}_state state;

    {0}_recover(&state, &kept);              /* after every power-on */
    for (;;) {{
      if ({0}_phase(&state) == {1}_WAITING) {0}_set_input_u8(&state, pixels);
      if ({0}_infer(&state)) {{
        deliver({0}_output(&state, 0), {0}_epoch(&state));
        {0}_next(&state);
      }}
    }}

The start-up code must leave `kept` alone: the linker script keeps its section (`.persistent` unless MJ_NONVOLATILE says
otherwise) in non-volatile memory and out of what is zeroed or copied.

`make` builds `{0}_run` for the host: inputs of {3} bytes each on standard input (int8; pixels with `-u`), outputs on
standard output. For a target, compile `{0}.c` and the `mj_*.c` files with its compiler.

Build {4}, model {5}.

{14}## Units

{6} units, planned for charges of {7}; the costliest takes {8}, of which {9} are its commit. Booting and recovering take
{10}.

## Memory

Non-volatile: {11}, of which {12} of activations. Volatile: {13}.

)",
                     program.name, program.macro, program.nvm->name, graph.type(graph.inputs[0]).bytes(), program.build_id,
                     program.model_hash, units.units(), joules_text(units.charge_pj), joules_text(costliest(units)),
                     joules_text(units.commit_pj), joules_text(units.restart_pj), bytes_text(nonvolatile_bytes(program)),
                     bytes_text(graph.plan->arena_bytes), bytes_text(volatile_bytes(program)),
                     exit_count(graph) > 0 ? exits_readme(program) : "");
}

std::string units_summary(const Program& program) {
  return fmt::format(R"(Power may fail at any instruction and any number of times:
 * what is in {0}_nonvolatile suffices to go on, and the answer is that of an uninterrupted run.
 *
 * After every power-on: {0}_recover. Then, while {0}_phase says
 *   {1}_WAITING  write an input: {0}_set_input or {0}_set_input_u8;
 *   {1}_WORKING  call {0}_infer;
 *   {1}_DONE     deliver {0}_output with {0}_epoch, then call {0}_next. A cut in between delivers again, with the
 *                same number: at least once, never half.
 * Nothing is allocated: all memory it writes is in {0}_state and {0}_nonvolatile.)",
                     program.name, program.macro);
}

std::string units_interface(const Program& program) {
  const Graph& graph = program.graph;
  const Bytes scratch = scratch_bytes(graph);
  const std::string member =
      scratch > 0 ? fmt::format("  int16_t scratch[{}]; /* of the kernels, between which it holds nothing */\n", scratch / 2) : "";
  return fmt::format(R"(
/* What power cuts leave as it is: an object of this type goes into non-volatile memory (MJ_NONVOLATILE). Only the functions
   below write to it. */
#define {1}_UNITS {2}
#define {1}_NONVOLATILE_BYTES {3}
typedef struct {{
  mj_kept kept; /* progress, build, numbers */
  int8_t result[2][{4}] MJ_NV_ALIGNED; /* of the inference of each parity */
  int8_t arena[{5}] MJ_NV_ALIGNED;    /* activations; see README.md for where each one lies */
}} {0}_nonvolatile;

/* What power cuts erase. */
#define {1}_VOLATILE_BYTES {6}
typedef struct {{
  uint16_t position; /* a copy of the progress, set by {0}_recover */
{7}}} {0}_volatile;

/* All state. */
typedef struct {{
  {0}_nonvolatile* kept;
  {0}_volatile lost;
}} {0}_state;

/* What the report says is what the compiler makes. */
typedef char {0}_assert_nonvolatile_bytes[sizeof({0}_nonvolatile) == {1}_NONVOLATILE_BYTES ? 1 : -1];
typedef char {0}_assert_volatile_bytes[sizeof({0}_volatile) == {1}_VOLATILE_BYTES ? 1 : -1];

/* First of all, after every power-on. Says MJ_RESUMED, MJ_OTHER_BUILD (the memory holds nothing or the state of another
   build) or MJ_CORRUPTED (the record of progress is damaged); in the last two cases it has started over, waiting for an
   input. */
uint8_t {0}_recover({0}_state* state, {0}_nonvolatile* kept);

#define {1}_WAITING 0
#define {1}_WORKING 1
#define {1}_DONE 2
uint8_t {0}_phase(const {0}_state* state);

/* Stores the whole input and commits it; from then on it is part of the non-volatile state and cannot change. Unsigned
   bytes are taken as the model wants its pixels. Refused (0) unless {1}_WAITING. */
uint8_t {0}_set_input({0}_state* state, const int8_t* input);
uint8_t {0}_set_input_u8({0}_state* state, const uint8_t* pixels);

/* Runs one unit and commits it; 0 when there is none. */
uint8_t {0}_step({0}_state* state);

/* Runs units while mj_may_go_on(); 1 when the answer is there. */
uint8_t {0}_infer({0}_state* state);

/* Output k of the last inference that is done, and the number of that inference: 0 when there is none yet. They stay
   until the next one is done. */
const int8_t* {0}_output(const {0}_state* state, uint8_t k);
uint32_t {0}_epoch(const {0}_state* state);

/* The answer has been delivered: waits for the next input. Refused (0) unless {1}_DONE. */
uint8_t {0}_next({0}_state* state);
)",
                     program.name, program.macro, units_of(program).units(), nonvolatile_bytes(program),
                     result_bytes(program), graph.plan->arena_bytes, volatile_bytes(program), member);
}

namespace {

std::string steps_code(const Program& program) {
  return fmt::format(R"(uint8_t {0}_step({0}_state* state) {{
  mj_unit unit;
  uint16_t tiling;
  if (number(state) >= {1}_UNITS) {{
    return 0;
  }}
  tiling = mj_find_unit(tilings, number(state), &unit);
  run_unit(state, tiling, &unit);
  mj_commit(&state->kept->kept, {1}_UNITS, &state->lost.position);
  return 1;
}}

uint8_t {0}_infer({0}_state* state) {{
  while (number(state) < {1}_UNITS && mj_may_go_on()) {{
    (void){0}_step(state);
  }}
  return {0}_phase(state) == {1}_DONE;
}}

)",
                     program.name, program.macro);
}

}  // namespace

std::string units_code(const Program& program, const std::string& pixels) {
  const Graph& graph = program.graph;
  std::vector<Bytes> offsets = result_offsets(program);
  offsets.pop_back();
  const bool exits = exit_count(graph) > 0;
  const std::string recovery =
      fmt::format("{}(&kept->kept, build, {}_UNITS, {}&state->lost.position)", exits ? "mj_recover_decisions" : "mj_recover",
                  program.macro, exits ? "&decisions, " : "");
  std::string text = fmt::format(R"(/* The plan of units holds for memory that writes words of this size. */
typedef char assert_word_bytes[MJ_NV_WORD == {} ? 1 : -1];

static const uint8_t build[MJ_BUILD_BYTES] = {{{}}};

)",
                                 units_of(program).word_bytes, build_bytes(program));
  text += tilings(program) + dispatch(program);
  if (exits) {
    std::vector<std::int64_t> decisions = decision_units(graph);
    decisions.pop_back();  // the end decides nothing
    text += fmt::format("/* Units that decide at the exits whether to go on. */\nstatic const uint16_t decision_units[{0}_EXITS] = {{{1}}};\n"
                        "static const mj_decisions decisions = {{decision_units, {0}_EXITS}};\n\n",
                        program.macro, fmt::join(decisions, ", "));
  }
  text += fmt::format(R"(uint8_t {0}_recover({0}_state* state, {0}_nonvolatile* kept) {{
  state->kept = kept;
  return {6};
}}

static uint16_t number(const {0}_state* state) {{ return (uint16_t)(state->lost.position & ~MJ_PARITY); }}

uint8_t {0}_phase(const {0}_state* state) {{
  return number(state) == MJ_WAITING ? {1}_WAITING : number(state) < {1}_UNITS ? {1}_WORKING : {1}_DONE;
}}

uint8_t {0}_set_input({0}_state* state, const int8_t* input) {{
  if ({0}_phase(state) != {1}_WAITING) {{
    return 0;
  }}
  mj_store_bytes(state->kept->arena + AT_{2}, input, {1}_INPUT_BYTES);
  mj_commit(&state->kept->kept, {1}_UNITS, &state->lost.position);
  return 1;
}}

uint8_t {0}_set_input_u8({0}_state* state, const uint8_t* pixels) {{
  int8_t* to = state->kept->arena + AT_{2};
  if ({0}_phase(state) != {1}_WAITING) {{
    return 0;
  }}
{3}  mj_commit(&state->kept->kept, {1}_UNITS, &state->lost.position);
  return 1;
}}

{5}/* The inference at work has the parity of the position; the last answer has the other one, unless it is this. */
static uint8_t answered(const {0}_state* state) {{
  const uint8_t parity = (uint8_t)(state->lost.position >> 15);
  return {0}_phase(state) == {1}_DONE ? parity : (uint8_t)(parity ^ 1u);
}}

const int8_t* {0}_output(const {0}_state* state, uint8_t k) {{
  static const uint16_t offsets[{1}_OUTPUTS] = {{{4}}};
  return state->kept->result[answered(state)] + offsets[k];
}}

uint32_t {0}_epoch(const {0}_state* state) {{ return mj_epoch(&state->kept->kept, answered(state)); }}

uint8_t {0}_next({0}_state* state) {{
  if ({0}_phase(state) != {1}_DONE) {{
    return 0;
  }}
  mj_number_next(&state->kept->kept, state->lost.position);
  mj_commit(&state->kept->kept, {1}_UNITS, &state->lost.position);
  return 1;
}}
)",
                      program.name, program.macro, graph.inputs[0], pixels, fmt::join(offsets, ", "),
                      exits ? intermittent_exits_code(program) : steps_code(program), recovery);
  if (exits) {
    text += fmt::format("\nuint8_t {0}_exit(const {0}_state* state) {{ return (uint8_t)state->kept->result[answered(state)][{1}]; }}\n",
                        program.name, reached_offset(program));
  }
  return text;
}

}  // namespace mj
