// SPDX-License-Identifier: Apache-2.0
// Files that lie: one sentence each, and never the memory they ask for.
#include <gtest/gtest.h>

#include <filesystem>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/ir/verify.h"
#include "tests/unit/io/onnx_cases.h"

namespace mj {
namespace {

using Dims = std::vector<std::int64_t>;

std::string onnx_message_of(std::span<const std::byte> bytes, const std::filesystem::path& folder = {}) {
  try {
    std::string text;
    for (const auto& [node, op, reason] : parse_onnx(bytes, folder).unsupported) {
      text += fmt::format("{}{} ({}): {}", text.empty() ? "" : "\n", node, op, reason);
    }
    return text;
  } catch (const Error& error) {
    return error.what();
  }
}
std::string onnx_message_of(const OnnxModel& model) { return onnx_message_of(model.bytes()); }

/// x {N,3,4,5} through one convolution to y.
OnnxModel convolution(int opset = 13) {
  OnnxModel m(opset);
  m.input("x", {0, 3, 4, 5}).random("w", {2, 3, 3, 3});
  m.node("Conv", {"x", "w"}, {"y"});
  m.output("y");
  return m;
}

TEST(OnnxHostile, NotAModel) {
  const std::string text = "this is no model";
  EXPECT_EQ(onnx_message_of(std::as_bytes(std::span(text))), "not an ONNX model, or truncated");
  EXPECT_EQ(onnx_message_of(std::span<const std::byte>()), "not an ONNX model, or truncated: it holds no graph");
}

TEST(OnnxHostile, EveryPrefixIsRefusedOrSound) {
  for (const OnnxCase& c : onnx_cases()) {
    const auto bytes = c.model.bytes();
    const std::size_t step = bytes.size() / 97 + 1;
    for (std::size_t size = 0; size < bytes.size(); size += step) {
      SCOPED_TRACE(c.name + " cut to " + std::to_string(size));
      try {
        const ImportResult result = parse_onnx(std::span(bytes).first(size), {});
        if (result.unsupported.empty()) verify(result.graph);
      } catch (const Error&) {
      }
    }
  }
}

TEST(OnnxHostile, Opsets) {
  EXPECT_EQ(onnx_message_of(convolution(6)), "uses opset 6; expected 7 to 19 (export again with opset_version=17)");
  EXPECT_EQ(onnx_message_of(convolution(20)), "uses opset 20; expected 7 to 19 (export again with opset_version=17)");
  OnnxModel m = convolution();
  m.proto.clear_opset_import();
  EXPECT_EQ(onnx_message_of(m), "names no opset; expected 7 to 19");
}

TEST(OnnxHostile, Cycles) {
  OnnxModel m;
  m.input("x", {0, 3});
  m.node("Add", {"x", "c"}, {"a"});
  m.node("Relu", {"a"}, {"b"});
  m.node("Relu", {"b"}, {"c"});
  m.output("c");
  EXPECT_EQ(onnx_message_of(m), "node 'a' (Add) depends on its own output; expected a graph without cycles");
  OnnxModel self;
  self.input("x", {0, 3});
  self.node("Add", {"x", "y"}, {"y"});
  self.output("y");
  EXPECT_EQ(onnx_message_of(self), "node 'y' (Add) depends on its own output; expected a graph without cycles");
}

TEST(OnnxHostile, NamesThatLeadNowhere) {
  OnnxModel missing = convolution();
  missing.proto.mutable_graph()->mutable_node(0)->set_input(0, "nowhere");
  EXPECT_EQ(onnx_message_of(missing),
            "node 'y' (Conv) reads 'nowhere', which is no input, no initialiser and no node's output");
  OnnxModel twice = convolution();
  twice.node("Relu", {"x"}, {"y"});
  EXPECT_EQ(onnx_message_of(twice), "'y' is written by node 'y' (Conv) and by node 'y' (Relu)");
  OnnxModel given = convolution();
  given.node("Relu", {"y"}, {"w"});
  EXPECT_EQ(onnx_message_of(given), "node 'w' (Relu) writes 'w', which is given already");
  OnnxModel no_output = convolution();
  no_output.proto.mutable_graph()->mutable_output(0)->set_name("elsewhere");
  EXPECT_EQ(onnx_message_of(no_output), "output 'elsewhere': is neither computed nor an input");
  OnnxModel no_inputs = convolution();
  no_inputs.proto.mutable_graph()->mutable_node(0)->clear_input();
  EXPECT_EQ(onnx_message_of(no_inputs), "node 'y' (Conv): has no input 0; expected one");
  OnnxModel no_network;
  EXPECT_EQ(onnx_message_of(no_network), "has 0 inputs; expected 1");
}

TEST(OnnxHostile, TypesThatDoNotMatch) {
  OnnxModel integers;
  integers.input("x", {0, 3, 4, 5});
  integers.tensor("w", {2, 3, 1, 1}, std::vector<std::int64_t>(6, 1), 7);
  integers.node("Conv", {"x", "w"}, {"y"});
  integers.output("y");
  EXPECT_EQ(onnx_message_of(integers), "node 'y' (Conv): 'w' holds int64; expected float, as the computed input");
  OnnxModel doubles;
  doubles.input("x", {0, 3, 4, 5});
  doubles.tensor("w", {2, 3, 1, 1}, std::vector<double>(6, 1), 11);
  doubles.node("Conv", {"x", "w"}, {"y"});
  doubles.output("y");
  EXPECT_EQ(onnx_message_of(doubles), "node 'y' (Conv): 'w' holds double; expected float, as the computed input");
  OnnxModel channels = convolution();
  channels.proto.mutable_graph()->mutable_initializer(0)->set_dims(1, 9);
  channels.proto.mutable_graph()->mutable_initializer(0)->set_dims(0, 6);
  channels.proto.mutable_graph()->mutable_initializer(0)->set_dims(2, 1);
  channels.proto.mutable_graph()->mutable_initializer(0)->set_dims(3, 1);
  EXPECT_EQ(onnx_message_of(channels), "node 'y' (conv2d): input has 3 channels; weight expects 9");
  OnnxModel odd_type = convolution();
  odd_type.proto.mutable_graph()->mutable_initializer(0)->set_data_type(8);
  EXPECT_EQ(onnx_message_of(odd_type), "node 'y' (Conv): tensor 'w': holds string; expected numbers");
  OnnxModel unknown_type = convolution();
  unknown_type.proto.mutable_graph()->mutable_initializer(0)->set_data_type(1234);
  EXPECT_EQ(onnx_message_of(unknown_type), "node 'y' (Conv): tensor 'w': holds type 1234; expected numbers");
  OnnxModel attribute = convolution();
  attribute.proto.mutable_graph()->mutable_node(0)->clear_attribute();
  OnnxModel::NodeRef(*attribute.proto.mutable_graph()->mutable_node(0)).set("strides", "two");
  EXPECT_EQ(onnx_message_of(attribute),
            "node 'y' (Conv): attribute 'strides' has another type; expected a list of integers");
}

/// A weight of these dimensions that has four bytes.
OnnxModel claim(const Dims& dims) {
  OnnxModel m;
  m.input("x", {0, 3, 4, 5});
  m.tensor("w", dims, std::vector<float>{1}, 1);
  m.node("Conv", {"x", "w"}, {"y"});
  m.output("y");
  return m;
}

TEST(OnnxHostile, ClaimsOfGigabytes) {
  EXPECT_LT(claim({1 << 29, 1, 1, 1}).bytes().size(), 110u);
  EXPECT_EQ(onnx_message_of(claim({1 << 29, 1, 1, 1})),
            "node 'y' (Conv): tensor 'w': has 4 bytes; dimensions 536870912x1x1x1 of float need 2147483648");
  EXPECT_EQ(onnx_message_of(claim({1LL << 40, 1LL << 40, 1, 1})),
            "node 'y' (Conv): tensor 'w': has impossible dimensions 1099511627776x1099511627776x1x1");
  EXPECT_EQ(onnx_message_of(claim({-1, 1, 1, -1})), "node 'y' (Conv): tensor 'w': has impossible dimensions -1x1x1x-1");

  OnnxModel fields = claim({1 << 29, 1, 1, 1});
  auto& tensor = *fields.proto.mutable_graph()->mutable_initializer(0);
  tensor.clear_raw_data();
  tensor.add_float_data(1);
  EXPECT_EQ(onnx_message_of(fields),
            "node 'y' (Conv): tensor 'w': has 1 elements; dimensions 536870912x1x1x1 need 536870912");

  OnnxModel input;
  input.input("x", {0, 1 << 20, 1 << 20, 1 << 20});
  input.node("Relu", {"x"}, {"y"});
  input.output("y");
  EXPECT_EQ(onnx_message_of(input), "input 'x': has impossible dimensions 1x1048576x1048576x1048576");

  OnnxModel made;
  made.input("x", {0, 3}).integers("shape", {1 << 15, 1 << 15});
  made.node("ConstantOfShape", {"shape"}, {"c"});
  made.node("Add", {"x", "c"}, {"y"});
  made.output("y");
  EXPECT_EQ(onnx_message_of(made),
            "node 'c' (ConstantOfShape): makes a constant of shape 32768x32768; expected at most 16777216 elements");

  OnnxModel expanded;
  expanded.input("x", {0, 3}).integers("shape", {1LL << 31, 1}).random("v", {1});
  expanded.node("Expand", {"v", "shape"}, {"c"});
  expanded.node("Add", {"x", "c"}, {"y"});
  expanded.output("y");
  EXPECT_EQ(onnx_message_of(expanded),
            "node 'c' (Expand): makes a constant of shape 2147483648x1; expected at most 16777216 elements");

  OnnxModel range;
  range.input("x", {0, 3});
  range.tensor("a", {}, std::vector<std::int64_t>{0}, 7);
  range.tensor("b", {}, std::vector<std::int64_t>{1LL << 40}, 7);
  range.tensor("c", {}, std::vector<std::int64_t>{1}, 7);
  range.node("Range", {"a", "b", "c"}, {"r"});
  range.node("Reshape", {"x", "r"}, {"y"});
  range.output("y");
  EXPECT_EQ(onnx_message_of(range),
            "node 'r' (Range): makes a constant of shape 1099511627776; expected at most 16777216 elements");

  OnnxModel padded;
  padded.input("x", {0, 3, 4, 5}).integers("pads", {0, 0, 1LL << 40, 0, 0, 0, 1LL << 40, 0});
  padded.node("Pad", {"x", "pads"}, {"y"});
  padded.output("y");
  EXPECT_EQ(onnx_message_of(padded), "node 'y' (Pad): pads 1099511627776 and 1099511627776 are too large");

  OnnxModel conv = convolution();
  OnnxModel::NodeRef(*conv.proto.mutable_graph()->mutable_node(0)).set("pads", Dims{1LL << 62, 1, 1LL << 62, 1});
  EXPECT_EQ(onnx_message_of(conv),
            "node 'y' (Conv): attribute 'pads' holds 4611686018427387904; expected at most 2147483647");
}

TEST(OnnxHostile, OtherFiles) {
  const auto external = [](const std::string& location, const std::string& offset) {
    OnnxModel m = convolution();
    auto& tensor = *m.proto.mutable_graph()->mutable_initializer(0);
    tensor.clear_raw_data();
    tensor.set_data_location(mj_onnx::TensorProto::EXTERNAL);
    for (const auto& [key, value] : {std::pair("location", location), std::pair("offset", offset)}) {
      auto& entry = *tensor.add_external_data();
      entry.set_key(key);
      entry.set_value(value);
    }
    return m.bytes();
  };
  const auto folder = std::filesystem::path(MJ_BINARY_DIR) / "tests_io" / "other_files";
  const std::vector<std::byte> nine(9);
  write_file(folder / "nine.bin", nine);
  write_file(folder / ".." / "outside.bin", nine);
  std::filesystem::remove(folder / "link.bin");
  std::filesystem::create_symlink("../outside.bin", folder / "link.bin");
  const std::string where = "node 'y' (Conv): tensor 'w': ";
  EXPECT_EQ(onnx_message_of(external("../outside.bin", "0"), folder),
            where + "its elements are in '../outside.bin', outside of the model's folder");
  EXPECT_EQ(onnx_message_of(external("link.bin", "0"), folder),
            where + "its elements are in 'link.bin', outside of the model's folder");
  EXPECT_EQ(onnx_message_of(external("/etc/passwd", "0"), folder),
            where + "its elements are in '/etc/passwd'; expected a path relative to the model's folder");
  EXPECT_EQ(onnx_message_of(external("none.bin", "0"), folder), where + "its elements are in 'none.bin': no such file");
  EXPECT_EQ(onnx_message_of(external("nine.bin", "0"), folder),
            where + "external data is 216 bytes at offset 0 of 'nine.bin', which has 9 bytes");
  EXPECT_EQ(onnx_message_of(external("nine.bin", "-4"), folder),
            where + "external data has offset '-4'; expected a whole number that is not negative");
  EXPECT_EQ(onnx_message_of(external("nine.bin", "9223372036854775807"), folder),
            where + "external data is 216 bytes at offset 9223372036854775807 of 'nine.bin', which has 9 bytes");
  EXPECT_EQ(onnx_message_of(external("nine.bin", "0")),
            where + "its elements are in another file, 'nine.bin', and the model was not read from a folder");
}

TEST(OnnxHostile, EveryUnsupportedOperatorIsNamedAtOnce) {
  OnnxModel m;
  m.input("x", {0, 3, 8, 8});
  m.node("LRN", {"x"}, {"a"});
  m.node("Relu", {"a"}, {"b"});
  m.node("LSTM", {"b"}, {"c"});
  m.node("Relu", {"x"}, {"d"});
  m.node("ArgMax", {"d"}, {"e"});
  m.node("Concat", {"c", "e"}, {"y"}).set("axis", 1);
  m.node("Warp", {"x"}, {"f"}).proto().set_domain("com.example");
  m.node("Sum", {"y", "f"}, {"z"});
  m.output("z");
  EXPECT_EQ(onnx_message_of(m),
            "a (LRN): not available; use BatchNormalization\n"
            "c (LSTM): recurrent; use convolutions over time\n"
            "e (ArgMax): returns an index; export the network up to its logits\n"
            "f (Warp): operators of domain 'com.example' are not known; export with standard operators");
}

TEST(OnnxHostile, QuantisationThatMakesNoSense) {
  const auto pair = [](float scale, int zero_elem, const Dims& dims) {
    OnnxModel m;
    m.input("x", {0, 4});
    m.floats("s", dims, std::vector<float>(static_cast<std::size_t>(dims.empty() ? 1 : dims[0]), scale));
    m.tensor("z", {}, std::vector<std::int8_t>{0}, zero_elem);
    m.node("QuantizeLinear", {"x", "s", "z"}, {"q"});
    m.node("DequantizeLinear", {"q", "s", "z"}, {"y"});
    m.output("y");
    return onnx_message_of(m);
  };
  EXPECT_EQ(pair(0.5f, 3, {}), "");
  EXPECT_EQ(pair(0, 3, {}), "node 'q' (QuantizeLinear): scale 's' holds 0; expected positive, finite numbers");
  EXPECT_EQ(pair(-1, 3, {}), "node 'q' (QuantizeLinear): scale 's' holds -1; expected positive, finite numbers");
  EXPECT_EQ(pair(std::numeric_limits<float>::quiet_NaN(), 3, {}),
            "node 'q' (QuantizeLinear): scale 's' holds nan; expected positive, finite numbers");
  EXPECT_EQ(pair(0.5f, 9, {}), "q (QuantizeLinear): elements of type bool; expected int8 or uint8");
  EXPECT_EQ(pair(0.5f, 3, {3}), "node 'q' (QuantizeLinear): 3 scales and 1 zero points; expected as many");
}

TEST(OnnxHostile, Metadata) {
  const auto with = [](const std::string& key, const std::string& value) {
    OnnxModel m = convolution();
    auto& property = *m.proto.add_metadata_props();
    property.set_key("millijoule." + key);
    property.set_value(value);
    return onnx_message_of(m);
  };
  EXPECT_EQ(with("note", "anything"), "");
  EXPECT_EQ(with("format", "2"), "metadata 'millijoule.format' is '2'; expected '1'");
  EXPECT_EQ(with("preprocess.mean", "1,two"),
            "metadata 'millijoule.preprocess.mean' holds 'two'; expected numbers separated by commas");
  EXPECT_EQ(with("preprocess.scale", "1,2"), "metadata 'millijoule.preprocess.scale' holds 2 numbers; expected 1");
  EXPECT_EQ(with("preprocess.std", "0"), "preprocess: std is 0; expected a finite number other than 0");
  EXPECT_EQ(with("preprocess.mean", "1,2"),
            "preprocess: mean has 2 entries; expected 1 or one for each of the 3 channels");
  EXPECT_EQ(with("preprocess.scale", "nan"), "preprocess: scale is nan; expected a finite number other than 0");
}

}  // namespace
}  // namespace mj
