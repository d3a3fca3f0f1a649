// SPDX-License-Identifier: Apache-2.0

// The units of intermittent firmware in its manifest: what each costs and touches.
#include <nlohmann/json.hpp>

#include <algorithm>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/emit/firmware.h"
#include "mj/emit/json_number.h"
#include "mj/ir/exits.h"
#include "mj/pass/plan_units.h"

namespace mj {
namespace {

using Json = nlohmann::ordered_json;

Bytes offset_of(const Graph& graph, ValueId value) {
  const auto found = std::ranges::find(graph.plan->buffers, value, &Buffer::value);
  MJ_CHECK(found != graph.plan->buffers.end());
  return found->offset;
}

/// {"in": "arena", "partial" or "result", "begin", "run", "loops": [[count, step], ...]}.
Json region_json(const Program& program, const Tiling& tiling, const Region& region) {
  Json json;
  const bool result = region.place == Region::Place::kResult || region.place == Region::Place::kReached;
  json["in"] = result ? "result" : region.place == Region::Place::kPartial ? "partial" : "arena";
  switch (region.place) {
    case Region::Place::kValue:
      json["begin"] = region.begin + offset_of(program.graph, region.index);
      break;
    case Region::Place::kPartial:
      json["begin"] = region.begin + tiling.partial[static_cast<std::size_t>(region.index)];
      break;
    case Region::Place::kResult:
      json["begin"] = region.begin + result_offsets(program)[static_cast<std::size_t>(region.index)];
      break;
    case Region::Place::kReached:
      json["begin"] = result_offsets(program).back();
      break;
  }
  json["run"] = region.run;
  json["loops"] = Json::array();
  for (std::size_t d = 0; d < region.count.size(); ++d) {
    if (region.count[d] != 1) json["loops"].push_back({region.count[d], region.step[d]});
  }
  return json;
}

Bytes bytes_of(const std::vector<Region>& regions) {
  Bytes bytes = 0;
  for (const Region& region : regions) bytes += region.bytes();
  return bytes;
}

Json regions_json(const Program& program, const Tiling& tiling, const std::vector<Region>& regions) {
  Json list = Json::array();
  for (const Region& region : regions) list.push_back(region_json(program, tiling, region));
  return list;
}

}  // namespace

std::vector<Bytes> result_offsets(const Program& program) {
  const Bytes word = program.graph.plan->units->word_bytes;
  std::vector<Bytes> offsets{0};
  for (const ValueId output : program.graph.outputs) {
    offsets.push_back(offsets.back() + (program.graph.type(output).bytes() + word - 1) / word * word);
  }
  return offsets;
}

Bytes result_bytes(const Program& program) {
  const bool exits = exit_count(program.graph) > 0;
  return result_offsets(program).back() + (exits ? program.graph.plan->units->word_bytes : 0);
}

std::string unit_list(const Program& program, const Platform& platform) {
  const Graph& graph = program.graph;
  std::string text = "[";
  for (const Tiling& tiling : graph.plan->units->tilings) {
    const bool delivers = tiling.node == delivery_index(graph), decides = tiling.node == decision_index(graph);
    const Extent extent = extents(graph, tiling.node)[static_cast<std::size_t>(tiling.part)];
    const Cost total = delivers || decides ? Cost{} : cost(graph, graph.nodes[static_cast<std::size_t>(tiling.node)]);
    for (std::int64_t k = 0; k < tiling.count; ++k) {
      const Tile tile = tile_of(tiling, extent, k);
      const Accesses touched = accesses(graph, tiling, extent, tile);
      const Cost counts = tile_cost(graph, tiling.node, tiling.part, tile, total);
      const double cycles = kernel_cycles(counts, platform);
      Json unit;
      unit["index"] = tiling.first + k;
      unit["node"] = decides ? delivery_index(graph) : tiling.node;
      unit["op"] = delivers ? "delivery" : decides ? "exit" : op_name(graph.nodes[static_cast<std::size_t>(tiling.node)].op);
      unit["energy_j"] = json_number(cycles * platform.energy_per_cycle_j.value);
      unit["cycles"] = json_number(cycles);
      unit["nvm_read_bytes"] = bytes_of(touched.reads) + counts.weight_bytes;
      unit["nvm_write_bytes"] = bytes_of(touched.writes);
      unit["reads"] = regions_json(program, tiling, touched.reads);
      unit["writes"] = regions_json(program, tiling, touched.writes);
      text += (text.size() > 1 ? ",\n    " : "\n    ") + unit.dump();
    }
  }
  return text + "\n  ]";
}

}  // namespace mj
