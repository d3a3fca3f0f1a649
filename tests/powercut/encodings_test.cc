// SPDX-License-Identifier: Apache-2.0

// Networks with encoded weights as intermittent firmware: the evaluator's answer, whatever is cut.
#include <gtest/gtest.h>

#include "encoded_networks.h"
#include "mj/base/process.h"
#include "mj/ir/cost.h"
#include "mj/ir/evaluate.h"
#include "mj/pass/plan_units.h"
#include "networks.h"
#include "random_int8_graph.h"

namespace mj {
namespace {

/// Layers without dense weights whose channels units cut.
int cut_by_channels(const Graph& planned) {
  int found = 0;
  for (const Tiling& tiling : planned.plan->units->tilings) {
    if (static_cast<std::size_t>(tiling.node) == planned.nodes.size()) continue;
    const Node& node = planned.nodes[static_cast<std::size_t>(tiling.node)];
    const Value* weight = encoded_weight(planned, node);
    found += weight && weight->encoding.layout != Layout::kDense && tiling.channels < weight->type.shape[0];
  }
  return found;
}

/// Layers whose sums units cut.
int cut_sums(const Graph& planned) {
  int found = 0;
  for (const Tiling& tiling : planned.plan->units->tilings) found += tiling.partial[0] >= 0;
  return found;
}

std::string compared_with_the_evaluator(const Graph& planned, const std::filesystem::path& folder, std::uint64_t seed) {
  const ProcessResult made =
      run_process({"make", "-s", "CFLAGS=-O1 -fsanitize=address,undefined -fno-sanitize-recover=all"}, {}, folder);
  if (made.exit_code != 0) return made.errors;
  RandomStream random(seed, 0x1a9);
  std::vector<std::byte> records, expected;
  const Evaluator evaluator(planned);
  for (int i = 0; i < 4; ++i) {
    const Tensor input = random_int8_input(planned, random);
    records.insert(records.end(), input.data.begin(), input.data.end());
    for (const Tensor& output : evaluator.run(input))
      expected.insert(expected.end(), output.data.begin(), output.data.end());
  }
  const ProcessResult ran = run_process({(folder / "net_run").string()}, records);
  return ran.exit_code != 0 ? ran.errors : ran.output == expected ? "" : "another answer";
}

class EncodedNetworks : public testing::TestWithParam<std::uint64_t> {};

TEST_P(EncodedNetworks, SurviveEverySingleCut) {
  const std::uint64_t seed = GetParam();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const TestFolder folder;
  const Graph graph = with_random_encodings(small_residual_network(), seed);
  // Small enough that sums are cut, too, where enough of their terms are not zero.
  const FirmwareFolder firmware = emit_intermittent(graph, folder.path() / "net", "fram", 5e-8);
  const PowercutResult result =
      cut_power(firmware, {.single = true, .doubles = 500, .random = 1000, .seed = seed}, silent_progress());
  EXPECT_EQ(result.divergences, 0) << result.first_divergence;
  EXPECT_EQ(result.isolated_units, static_cast<std::int64_t>(firmware.units.size()));
  EXPECT_EQ(result.write_amplification(), 1.0);
  const Graph planned = plan_units(graph, toy_platform(), {.charge = {5e-8}});
  EXPECT_EQ(compared_with_the_evaluator(planned, folder.path() / "net", seed), "");
}

TEST_P(EncodedNetworks, ComputeWhatTheEvaluatorDoesInTilesOfChannels) {
  const std::uint64_t seed = GetParam();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const TestFolder folder;
  const Encoding encoding = all_encodings()[seed % 8];
  const Graph graph = network_of_encoded_layers(encoding, seed, false);
  // Enough for any row, too little for all channels of one pixel.
  const Graph planned = plan_units(graph, toy_platform(), {.charge = {1.6e-7}});
  if (encoding.layout != Layout::kDense) {
    EXPECT_GE(cut_by_channels(planned), 2) << encoding_name(encoding);
  }
  const Platform platform = toy_platform();
  write_firmware(folder.path() / "net", emit(planned, {.name = "net"}, &platform));
  EXPECT_EQ(compared_with_the_evaluator(planned, folder.path() / "net", seed), "");
}

TEST_P(EncodedNetworks, CutSumsThatAreTooLongForACharge) {
  const std::uint64_t seed = GetParam();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const TestFolder folder;
  const Encoding encoding = all_encodings()[seed % 8];
  const Graph graph = network_of_encoded_layers(encoding, seed, false);
  // Enough for a channel of any pixel, too little for the 120 terms of the last layers, of which 84 may not be zero.
  const Graph planned = plan_units(graph, toy_platform(), {.charge = {9e-8}});
  EXPECT_GE(cut_sums(planned), 1) << encoding_name(encoding);
  const Platform platform = toy_platform();
  write_firmware(folder.path() / "net", emit(planned, {.name = "net"}, &platform));
  EXPECT_EQ(compared_with_the_evaluator(planned, folder.path() / "net", seed), "");
  const PowercutResult result = cut_power(read_firmware(folder.path() / "net"), {.single = true, .random = 300, .seed = seed}, silent_progress());
  EXPECT_EQ(result.divergences, 0) << encoding_name(encoding) << ": " << result.first_divergence;
  EXPECT_GT(result.partial_bytes, 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, EncodedNetworks, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace mj
