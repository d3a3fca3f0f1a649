// SPDX-License-Identifier: Apache-2.0
#include "mj/base/error.h"
#include "mj/ir/text.h"
#include "mj/ir/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mj::Graph graph;
  try {
    graph = mj::parse_text({reinterpret_cast<const char*>(data), size}, {});
  } catch (const mj::Error&) {
    return 0;
  }
  mj::verify(graph);
  // What it prints as reads back as the same graph.
  std::map<std::string, mj::Constant> blobs;
  const std::string text = mj::print_text(graph, &blobs);
  if (!(mj::parse_text(text, blobs) == graph)) __builtin_trap();
  return 0;
}
