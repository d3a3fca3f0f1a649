// SPDX-License-Identifier: Apache-2.0

// Networks that may answer before their end: what the emitted code has besides, continuous and intermittent.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/emit/firmware.h"
#include "mj/emit/policy.h"
#include "mj/ir/exits.h"
#include "mj/ir/tiles.h"
#include "mj/pass/plan_units.h"

namespace mj {
namespace {

std::string exponent_tables(const Graph& graph) {
  const std::size_t exits = exit_count(graph);
  std::string text = fmt::format("/* What int8 scores weigh in the confidence of an exit. */\nstatic const mj_exponents exponents[{}] = {{\n", exits);
  for (std::size_t k = 0; k < exits; ++k) {
    const Exponents table = exit_exponents(graph, k);
    text += fmt::format("    {{{{{}}},\n     {{{}}}}},\n", fmt::join(table.high, ", "), fmt::join(table.low, ", "));
  }
  return text + "};\n\n";
}

/// What the emitted policy does.
std::string policy_comment(const Program& program) {
  const std::vector<double> thresholds = exit_thresholds(program.graph);
  if (thresholds.empty()) return "Never stops before the end: the network came without thresholds";
  std::vector<std::string> texts;
  for (const double threshold : thresholds) texts.push_back(fmt::format("{:.3f}", threshold));
  return fmt::format("Stops at the first exit whose confidence reaches its threshold: {}", fmt::join(texts, ", "));
}

}  // namespace

std::vector<std::int64_t> decision_units(const Graph& graph) {
  std::vector<std::int64_t> units;
  for (const Tiling& tiling : graph.plan->units->tilings) {
    if (tiling.node == decision_index(graph)) units.push_back(tiling.first);
  }
  return units;
}

std::vector<double> exit_energies(const Program& program, const Platform& platform, const Estimate& estimate) {
  const Graph& graph = program.graph;
  std::vector<double> energies;
  double joules = 0;
  if (!is_intermittent(program)) {
    std::size_t node = 0;
    for (const std::int32_t answer : answer_nodes(graph)) {
      for (; node <= static_cast<std::size_t>(answer); ++node) joules += estimate.layers[node].energy.value;
      energies.push_back(joules);
    }
    return energies;
  }
  const UnitPlan& units = *graph.plan->units;
  for (const Tiling& tiling : units.tilings) {
    const Extent extent = extents(graph, tiling.node)[static_cast<std::size_t>(tiling.part)];
    for (std::int64_t k = 0; k < tiling.count; ++k) {
      const double cycles = tile_cycles(graph, tiling.node, tiling.part, tile_of(tiling, extent, k), platform);
      joules += cycles * platform.energy_per_cycle_j.value + static_cast<double>(units.commit_pj) * 1e-12;
    }
    if (tiling.node == decision_index(graph)) energies.push_back(joules);
  }
  return energies;
}

std::string exits_interface(const Program& program) {
  const std::string common = fmt::format(R"(
/* Outputs 0..{1}_EXITS-1 are answers on the way, the last output is the end's. */
#define {1}_EXITS {2}

/* {3}. For mj_policy_ask, with
       mj_policy_asker asker = {{&{0}_policy, &policy_state, NULL}}; */
extern const mj_policy_plan {0}_policy;
)",
                                         program.name, program.macro, exit_count(program.graph), policy_comment(program));
  if (!is_intermittent(program)) {
    return common + fmt::format(R"(
/* How sure the answer of an exit is: the largest softmax of its scores at the temperature that was fitted for it, as a share
   of 32768. */
uint16_t {0}_confidence(const {0}_state* state, uint8_t exit);

/* Runs on until an answer suffices: after every exit, go_on(context, exit, confidence) is asked whether to run on, and 0 ends
   the inference there. Returns the output that holds the answer. The outputs before it hold the answers on the way; those
   behind it hold nothing. {0}_infer runs to the end and asks nobody. */
uint8_t {0}_infer_until({0}_state* state, mj_go_on go_on, void* context);
)",
                                program.name);
  }
  return common + fmt::format(R"(
/* As {0}_step and {0}_infer, which always run to the end, but after every exit go_on(context, exit, confidence) is asked
   whether to run on; 0 ends the inference there. The decision is a unit: it is committed once and then holds, whatever a
   restart would decide. A cut before the commit asks again. `confidence` is the largest softmax of the exit's scores at the
   temperature that was fitted for it, as a share of 32768. */
uint8_t {0}_step_until({0}_state* state, mj_go_on go_on, void* context);
uint8_t {0}_infer_until({0}_state* state, mj_go_on go_on, void* context);

/* The output that holds the answer of the last inference that is done. The outputs before it hold the answers on the way;
   those behind it hold nothing. */
uint8_t {0}_exit(const {0}_state* state);
)",
                              program.name);
}

std::string exits_definitions(const Program& program) {
  return exponent_tables(program.graph) +
         policy_definition(threshold_policy(program.graph), fmt::format("const mj_policy_plan {}_policy", program.name));
}

std::string continuous_exits_code(const Program& program) {
  const Graph& graph = program.graph;
  const std::vector<std::int32_t> answers = answer_nodes(graph);
  std::string text = R"(#if defined(MJ_LAYER_LABELS) && defined(__GNUC__)
#define ONE_COPY __attribute__((noinline)) /* a label stands in the machine code once */
#else
#define ONE_COPY
#endif

)";
  auto out = std::back_inserter(text);
  std::size_t node = 0;
  for (std::size_t k = 0; k < answers.size(); ++k) {
    const bool end = k + 1 == answers.size();
    const std::size_t last = end ? graph.nodes.size() : static_cast<std::size_t>(answers[k]) + 1;
    std::string calls;
    for (; node < last; ++node) calls += layer_calls(program, node);
    if (end) calls += "  MJ_LAYER(end);\n";
    fmt::format_to(out, "/* From {} to {}. */\nstatic ONE_COPY void run_to_{}({}_state* state) {{\n",
                   k == 0 ? "the input" : comment_text(graph.value(graph.outputs[k - 1]).name),
                   comment_text(graph.value(graph.outputs[k]).name), k, program.name);
    const bool arena = calls.find("arena") != std::string::npos, scratch = calls.find("scratch") != std::string::npos;
    if (arena) text += "  int8_t* arena = state->arena;\n";
    if (scratch) text += "  int16_t* scratch = state->scratch;\n";
    if (!arena && !scratch) text += "  (void)state;\n";
    text += calls + "}\n\n";
  }
  std::string all, until;
  for (std::size_t k = 0; k < answers.size(); ++k) {
    all += fmt::format("  run_to_{}(state);\n", k);
    until += fmt::format("  run_to_{}(state);\n", k);
    if (k + 1 == answers.size()) {
      until += fmt::format("  return {};\n", k);
    } else {
      until += fmt::format("  if (!go_on(context, {0}, {1}_confidence(state, {0}))) {{\n    return {0};\n  }}\n", k, program.name);
    }
  }
  std::vector<Bytes> sizes;
  for (std::size_t k = 0; k + 1 < answers.size(); ++k) sizes.push_back(graph.type(graph.outputs[k]).bytes());
  fmt::format_to(out, R"(void {0}_infer({0}_state* state) {{
{1}}}

uint16_t {0}_confidence(const {0}_state* state, uint8_t exit) {{
  static const uint16_t scores[{2}_EXITS] = {{{4}}};
  return mj_confidence(&exponents[exit], {0}_output(state, exit), scores[exit]);
}}

uint8_t {0}_infer_until({0}_state* state, mj_go_on go_on, void* context) {{
{3}}}

)",
                 program.name, all, program.macro, until, fmt::join(sizes, ", "));
  return text;
}

std::string intermittent_exits_code(const Program& program) {
  const Graph& graph = program.graph;
  std::vector<Bytes> sizes;
  std::vector<std::string> places;
  for (std::size_t k = 0; k < exit_count(graph); ++k) {
    sizes.push_back(graph.type(graph.outputs[k]).bytes());
    places.push_back(fmt::format("AT_{}", graph.outputs[k]));
  }
  return fmt::format(R"(/* Whether the unit at work is the decision at an exit, and it is to stop there. */
static uint8_t stops(const {0}_state* state, mj_go_on go_on, void* context) {{
  static const size_t places[{1}_EXITS] = {{{2}}};
  static const uint16_t scores[{1}_EXITS] = {{{3}}};
  uint8_t exit;
  for (exit = 0; exit < {1}_EXITS; ++exit) {{
    if (decision_units[exit] == number(state)) {{
      return !go_on(context, exit, mj_confidence(&exponents[exit], state->kept->arena + places[exit], scores[exit]));
    }}
  }}
  return 0;
}}

uint8_t {0}_step_until({0}_state* state, mj_go_on go_on, void* context) {{
  mj_unit unit;
  uint16_t tiling;
  if (number(state) >= {1}_UNITS) {{
    return 0;
  }}
  tiling = mj_find_unit(tilings, number(state), &unit);
  run_unit(state, tiling, &unit);
  if (go_on != NULL && stops(state, go_on, context)) {{
    mj_commit_end(&state->kept->kept, {1}_UNITS, &state->lost.position);
    return 1;
  }}
  mj_commit(&state->kept->kept, {1}_UNITS, &state->lost.position);
  return 1;
}}

uint8_t {0}_step({0}_state* state) {{ return {0}_step_until(state, NULL, NULL); }}

uint8_t {0}_infer_until({0}_state* state, mj_go_on go_on, void* context) {{
  while (number(state) < {1}_UNITS && mj_may_go_on()) {{
    (void){0}_step_until(state, go_on, context);
  }}
  return {0}_phase(state) == {1}_DONE;
}}

uint8_t {0}_infer({0}_state* state) {{ return {0}_infer_until(state, NULL, NULL); }}

)",
                     program.name, program.macro, fmt::join(places, ", "), fmt::join(sizes, ", "));
}

std::string exits_readme(const Program& program) {
  const std::size_t exits = exit_count(program.graph);
  return fmt::format(R"(## Exits

The network can answer at {1} exit{2} before its end. `{0}_infer_until` asks a function of the application after each of them
whether to run on:

    static uint8_t go_on(void* context, uint8_t exit, uint16_t confidence) {{ return confidence < 30000; }}

    {3}

or a policy of `mj_policy.h`, with the constants `{0}_policy` or others:

    static mj_policy_state policy_state;                     /* in memory that is kept */
    mj_policy_asker asker = {{&{0}_policy, &policy_state, stored_energy_uj}};
    mj_policy_begin(&{0}_policy, &policy_state, now_ms, late_ms, stored_energy_uj());
    {4}
    mj_policy_end(&{0}_policy, &policy_state, answer);

)",
                     program.name, exits, exits == 1 ? "" : "s",
                     is_intermittent(program)
                         ? fmt::format("if ({0}_infer_until(&state, go_on, NULL)) deliver({0}_output(&state, {0}_exit(&state)), {0}_epoch(&state));",
                                       program.name)
                         : fmt::format("uint8_t answer = {0}_infer_until(&state, go_on, NULL);    /* in {0}_output(&state, answer) */", program.name),
                     is_intermittent(program)
                         ? fmt::format("if ({0}_infer_until(&state, mj_policy_ask, &asker)) answer = {0}_exit(&state);", program.name)
                         : fmt::format("answer = {0}_infer_until(&state, mj_policy_ask, &asker);", program.name));
}

}  // namespace mj
