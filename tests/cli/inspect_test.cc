// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "mj/arch/architecture.h"
#include "mj/io/onnx.h"
#include "tests/cli/command_line.h"

namespace mj {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A file of x {4,4,2} through sigmoid and tanh, with one word of it replaced by another of the same length.
void write_changed(const std::filesystem::path& path, const std::vector<std::pair<std::string, std::string>>& changes) {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::kF32, {4, 4, 2}, {}});
  const ValueId s = graph.add_node("gate", Sigmoid{}, {x});
  graph.outputs = {graph.add_node("squash", Tanh{}, {s})};
  std::vector<std::byte> bytes = print_onnx(graph);
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const auto& [from, to] : changes) text.replace(text.find(from), from.size(), to);
  write_file(path, std::string_view(text));
}

TEST(Inspect, NamesEveryUnsupportedOperatorAtOnce) {
  const ScratchFolder folder;
  const std::string path = folder / "odd.onnx";
  write_changed(path, {{"Sigmoid", "Hardmax"}, {"Tanh", "LSTM"}});
  const Ran ran = millijoule({"inspect", path});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_EQ(ran.output,
            "gate (Hardmax): not available; export the network without it, or cut it off before\n"
            "squash (LSTM): recurrent; use convolutions over time\n");
  EXPECT_EQ(ran.errors, "millijoule: " + path + ": 2 unsupported operators\n");
  const auto json = nlohmann::json::parse(millijoule({"inspect", path, "--json", "-"}).output);
  ASSERT_EQ(json["unsupported"].size(), 2u);
  EXPECT_EQ(json["unsupported"][1]["node"], "squash");
  EXPECT_EQ(json["unsupported"][1]["op"], "LSTM");
}

TEST(Inspect, TellsWhatFusesAndWhenBuffersLive) {
  const ScratchFolder folder;
  const std::string path = folder / "net.onnx";
  write_onnx(path, build(parse_architecture("resnet-8-w4-s2"), {12, 12, 1}, 3, 5));
  const Ran ran = millijoule({"inspect", path});
  ASSERT_EQ(ran.exit_code, 0) << ran.errors;
  EXPECT_THAT(ran.output, HasSubstr("in step 0"));
  EXPECT_THAT(ran.output, HasSubstr("peak RAM"));
  const auto json = nlohmann::json::parse(millijoule({"inspect", path, "--json", "-"}).output);
  std::int64_t fused = 0, last = -1;
  for (const auto& layer : json["layers"]) {
    fused += layer["fused"].get<bool>();
    last = std::max(last, layer["step"].get<std::int64_t>());
  }
  EXPECT_GT(fused, 0);
  // Bytes alive at once, from the table alone, are what the peak counts.
  std::int64_t peak = 0;
  for (std::int64_t step = 0; step <= last; ++step) {
    std::int64_t alive = 0;
    for (const auto& buffer : json["buffers"]) {
      if (buffer["first_step"] <= step && buffer["last_step"] >= step) alive += buffer["bytes"].get<std::int64_t>();
    }
    peak = std::max(peak, alive);
  }
  EXPECT_GT(peak, 0);
  EXPECT_GE(json["peak_ram_bytes"].get<std::int64_t>(), peak);
}

TEST(Inspect, RealNetworksThatNoDeviceRunsAreShownAllTheSame) {
  const ScratchFolder folder;
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::kF32, {4, 2}, {}});
  const ValueId w = graph.add_constant("w", {DType::kI8, {3, 2}, Quantization{{0.5f}, {0}, -1}},
                                       Constant(std::vector<std::byte>(6, std::byte{1})));
  graph.outputs = {graph.add_node("hybrid", Linear{}, {x, w})};
  write_onnx(folder / "hybrid.onnx", graph);
  const Ran ran = millijoule({"inspect", folder / "hybrid.onnx"});
  ASSERT_EQ(ran.exit_code, 0) << ran.errors;
  EXPECT_THAT(ran.output, HasSubstr("hybrid"));
}

TEST(Rounding, IsChosenOnTheCommandLine) {
  EXPECT_THAT(millijoule({"eval", "--help"}).output, HasSubstr("--rounding"));
  EXPECT_EQ(millijoule({"run", "m.onnx", "--input", "x", "--output", "y", "--rounding", "up"}).exit_code, 2);
}

TEST(Preprocessing, TravelsWithTheFileAndTheCommandLineComesFirst) {
  const ScratchFolder folder;
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::kF32, {1, 2, 2}, {}});
  graph.outputs = {graph.add_node("y", Clamp{{-100, 100}}, {x})};
  graph.preprocess = {0.5f, {1, 2}, {2, 4}};
  write_onnx(folder / "net.onnx", graph);
  write_npy(folder / "x.npy", npy_of(std::vector<float>{10, 20, 30, 40}, {1, 2, 2}));
  const auto run = [&](std::vector<std::string> more) {
    std::vector<std::string> command{"run",      folder / "net.onnx", "--input", folder / "x.npy",
                                     "--output", folder / "y.npy"};
    command.insert(command.end(), more.begin(), more.end());
    const Ran ran = millijoule(command);
    EXPECT_EQ(ran.exit_code, 0) << ran.errors;
    return read_npy(folder / "y.npy").as_f32();
  };
  EXPECT_EQ(run({}), (std::vector<float>{2, 2, 7, 4.5f}));
  EXPECT_EQ(run({"--scale", "1", "--mean", "0", "--std", "1"}), (std::vector<float>{10, 20, 30, 40}));
  EXPECT_EQ(run({"--mean", "0,10"}), (std::vector<float>{2.5f, 0, 7.5f, 2.5f}));
}

}  // namespace
}  // namespace mj
