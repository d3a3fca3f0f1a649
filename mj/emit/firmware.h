// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "mj/emit/emit.h"
#include "mj/emit/layer.h"
#include "mj/emit/nvm.h"

namespace mj {

/// What the printers of the single files share.
struct Program {
  const Graph& graph;
  std::string name;   ///< prefix of everything
  std::string macro;  ///< the same in capitals
  std::vector<LayerCode> layers;
  std::set<std::string> runtime;  ///< files of the runtime, with all they need
  const Nvm* nvm = nullptr;       ///< of intermittent firmware
  std::string build_id;           ///< hash of the code
  std::string model_hash;         ///< hash of the graph
  std::string target;
  std::map<ValueId, Bytes> far;  ///< weights beyond the reach of pointers, by offset (far.h)
};

std::string print_header(const Program& program);
std::string print_code(const Program& program);
std::string print_driver(const Program& program);
std::string print_makefile(const Program& program);
std::string print_readme(const Program& program, const Platform* platform, const Estimate* estimate);
std::string print_manifest(const Program& program, const Platform* platform, const Estimate* estimate);

/// Whether the graph has a plan of units.
inline bool is_intermittent(const Program& program) { return program.graph.plan->units.has_value(); }

// What intermittent firmware has in place of the continuous interface and code (intermittent.cc). `pixels` are the
// statements that turn `pixels` into the input at `to`.
std::string units_summary(const Program& program);
std::string units_interface(const Program& program);
std::string units_code(const Program& program, const std::string& pixels);
/// Offset of every output in a result, each at a word of the non-volatile memory; the last entry is their total.
std::vector<Bytes> result_offsets(const Program& program);
/// Bytes of one result: the outputs, and with exits which of them was reached last.
Bytes result_bytes(const Program& program);
/// The manifest's `units`, one a line.
std::string unit_list(const Program& program, const Platform& platform);
/// Bytes of the non-volatile struct.
Bytes nonvolatile_bytes(const Program& program);
/// Bytes of the volatile struct.
Bytes volatile_bytes(const Program& program);
/// The README up to the memory map.
std::string units_readme(const Program& program);

// What the code of a network with exits has besides (exits.cc).
std::string exits_interface(const Program& program);
std::string exits_definitions(const Program& program);
/// `NAME_infer`, `NAME_infer_until` and `NAME_confidence`.
std::string continuous_exits_code(const Program& program);
/// `NAME_step`, `NAME_infer` and their forms that ask at exits.
std::string intermittent_exits_code(const Program& program);
std::string exits_readme(const Program& program);
/// The units that decide at the exits; the last one only records that the end was reached.
std::vector<std::int64_t> decision_units(const Graph& graph);
/// From the start of an inference to the answer of each exit, the end last: joules, commits included.
std::vector<double> exit_energies(const Program& program, const Platform& platform, const Estimate& estimate);
/// The calls of one node for whole layers.
std::string layer_calls(const Program& program, std::size_t node);

/// "3: conv2d conv1 -> 26x26x8", for comments.
std::string node_title(const Graph& graph, std::size_t i);
/// A call's text with its tile.
std::string with_tile(std::string text, std::string_view tile);

/// The int8 input for each pixel value: one table, or one per channel when they differ.
std::vector<Int8Table> pixel_tables(const Graph& graph);

/// Constants that nodes read where the kernels need them, each once, in order of first use.
std::vector<ValueId> stored_constants(const Graph& graph);

}  // namespace mj
