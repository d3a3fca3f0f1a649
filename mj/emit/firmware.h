// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include "mj/emit/emit.h"
#include "mj/emit/layer.h"

namespace mj {

/// What the printers of the single files share.
struct Program {
  const Graph& graph;
  std::string name;   ///< prefix of everything
  std::string macro;  ///< the same in capitals
  std::vector<LayerCode> layers;
  std::set<std::string> runtime;  ///< files of the runtime, with all they need
  std::string build_id;           ///< hash of the code
  std::string model_hash;         ///< hash of the graph
};

std::string print_header(const Program& program);
std::string print_code(const Program& program);
std::string print_driver(const Program& program);
std::string print_makefile(const Program& program);
std::string print_readme(const Program& program, const Platform* platform, const Estimate* estimate);
std::string print_manifest(const Program& program, const Platform* platform, const Estimate* estimate);

/// The int8 input for each pixel value: one table, or one per channel when they differ.
std::vector<Int8Table> pixel_tables(const Graph& graph);

/// Constants that nodes read where the kernels need them, each once, in order of first use.
std::vector<ValueId> stored_constants(const Graph& graph);

}  // namespace mj
