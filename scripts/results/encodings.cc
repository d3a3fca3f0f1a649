// SPDX-License-Identifier: Apache-2.0

// Prints the tables of docs/encodings.md: bytes per element that is not zero, and cycles per output of a linear layer
// under mspdebug's simulator, for every encoding and several densities. Run by encodings.sh.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/emit/emit.h"
#include "mj/pass/passes.h"
#include "msp430.h"

namespace mj {
namespace {

constexpr std::int64_t kDepth = 576;

/// Elements of -7..7 at random places; of blocks of four, whole blocks.
std::vector<std::int8_t> sparse(std::int64_t rows, double density, bool blocks) {
  RandomStream random(5);
  std::vector<std::int8_t> elements(static_cast<std::size_t>(rows * kDepth), 0);
  bool present = false;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    if (!blocks || i % 4 == 0) present = random.uniform() < density;
    const auto magnitude = static_cast<std::int8_t>(1 + random.below(7));
    if (present) elements[i] = random.below(2) == 0 ? magnitude : static_cast<std::int8_t>(-magnitude);
  }
  return elements;
}

Graph linear(Encoding encoding, std::int64_t rows, double density) {
  Graph graph;
  const Quantization one{{0.05f}, {0}, -1};
  const ValueId x = graph.add_input("x", {DType::kI8, {kDepth}, one});
  const auto elements = sparse(rows, density, encoding.layout == Layout::kBlock4);
  const ValueId w = graph.add_constant("w", {DType::kI8, {rows, kDepth}, one}, Constant::of<std::int8_t>(elements));
  graph.value(w).encoding = encoding;
  graph.outputs = {graph.add_node("y", Linear{}, {x, w})};
  graph.value(graph.outputs[0]).type.quant = Quantization{{1.0f}, {0}, -1};
  return plan_memory(std::move(graph));
}

template <class Cell>
void table(const std::vector<double>& densities, Cell&& cell) {
  fmt::print("| encoding |");
  for (const double density : densities) fmt::print(" {:g} % |", density * 100);
  fmt::print("\n|---|");
  for (std::size_t i = 0; i < densities.size(); ++i) fmt::print("---:|");
  fmt::print("\n");
  for (const Encoding encoding : all_encodings()) {
    fmt::print("| `{}` |", encoding_name(encoding));
    for (const double density : densities) fmt::print(" {} |", cell(encoding, density));
    fmt::print("\n");
    std::fflush(stdout);
  }
  fmt::print("\n");
}

int run(const std::filesystem::path& folder) {
  std::string missing;
  if (!has_msp430_tools(missing)) fail("not installed: {}", missing);
  table({0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02}, [](Encoding encoding, double density) {
    const auto elements = sparse(200, density, encoding.layout == Layout::kBlock4);
    std::int64_t present = 0;
    for (const std::int8_t e : elements) present += e != 0;
    return fmt::format("{:.2f}",
                       static_cast<double>(encoded_bytes(elements, 200, encoding)) / static_cast<double>(present));
  });
  table({0.5, 0.2, 0.1, 0.05, 0.02}, [&](Encoding encoding, double density) {
    constexpr std::int64_t kRows = 2;
    const Graph graph = linear(encoding, kRows, density);
    const Msp430Cycles measured = count_msp430_cycles(build_for_msp430(
        emit(graph, {.name = "net"}), graph, make_tensor(graph.type(graph.inputs[0])), folder / "net"));
    return fmt::format("{:.0f}", static_cast<double>(measured.cycles) / kRows);
  });
  return 0;
}

}  // namespace
}  // namespace mj

int main(int argc, char** argv) {
  try {
    if (argc != 2) {
      fmt::print(stderr, "usage: encodings FOLDER\n");
      return 2;
    }
    return mj::run(argv[1]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
