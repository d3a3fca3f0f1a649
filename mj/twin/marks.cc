// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/marks.h"

#include "mj/base/error.h"

namespace mj {

Marks find_marks(const ElfProgram& program, const DeviceFolder& folder) {
  const auto needed = [&](const std::string& symbol) {
    const auto address = program.find(symbol);
    if (!address) fail("no symbol '{}' in the program; expected what 'millijoule emit' wrote", symbol);
    return *address;
  };
  Marks marks;
  marks.begin = needed(folder.name + "_infer");
  marks.end = program.find("mj_layer_end").value_or(needed("board_write"));
  for (std::size_t i = 0; i < folder.layers.size(); ++i) {
    if (const auto address = program.find(fmt::format("mj_layer_{}", i))) marks.layers[*address] = i;
  }
  return marks;
}

void count_first_inference(TwinRun& run, const Marks& marks, const std::vector<Passage>& passages,
                           const DeviceFolder& folder) {
  const Passage* begin = nullptr;
  const Passage* last = nullptr;
  for (const Passage& passage : passages) {
    if (begin == nullptr) {
      if (passage.address == marks.begin) begin = last = &passage;
      continue;
    }
    const auto since = [&](const Passage& before) {
      TwinLayer part;
      part.instructions = passage.instructions - before.instructions;
      if (passage.cycles) part.cycles = *passage.cycles - *before.cycles;
      return part;
    };
    if (const auto layer = marks.layers.find(last->address); layer != marks.layers.end()) {
      TwinLayer part = since(*last);
      part.name = folder.layers[layer->second];
      run.layers.push_back(std::move(part));
    }
    last = &passage;
    if (passage.address == marks.end) {
      const TwinLayer whole = since(*begin);
      run.instructions = whole.instructions;
      run.cycles = whole.cycles;
      return;
    }
  }
  fail("the program ended before its first inference");
}

}  // namespace mj
