// SPDX-License-Identifier: Apache-2.0
// What a written file holds besides the operators: names, outputs, types and facts about the model.
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "mj/base/error.h"
#include "tests/unit/io/onnx_model.h"

namespace mj {
namespace {

mj_onnx::ModelProto written(const Graph& graph) {
  const auto bytes = print_onnx(graph);
  mj_onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  return model;
}

/// Three exits, two nodes of one name, preprocessing.
Graph network() {
  Graph graph;
  const ValueId x = graph.add_input("image", {DType::kF32, {4, 6, 3}, {}});
  const ValueId a = graph.add_node("act", Clamp{{0, kInfinity}}, {x});
  const ValueId early = graph.add_node("pool", Mean{{0, 1}, false}, {a});
  const ValueId b = graph.add_node("act", Tanh{}, {a});
  const ValueId flat = graph.add_node("", Reshape{{72}}, {b});
  const ValueId weight = graph.add_constant("w", {2, 72}, std::vector<float>(144, 0.25f));
  const ValueId logits = graph.add_node("classifier", Linear{}, {flat, weight});
  graph.value(early).name = "exit1";
  graph.value(logits).name = "logits";
  graph.outputs = {early, b, logits};
  graph.value(b).name = "exit2";
  graph.class_names = {"cat", "two\nlines"};
  graph.preprocess = {0.1f, {1, 2, 3}, {4, 5, 6}};
  graph.metadata["note"] = "kept";
  return graph;
}

TEST(OnnxWriter, ExitsAreNamedOutputsInOrder) {
  const auto model = written(network());
  ASSERT_EQ(model.graph().output_size(), 3);
  EXPECT_EQ(model.graph().output(0).name(), "exit1");
  EXPECT_EQ(model.graph().output(1).name(), "exit2");
  EXPECT_EQ(model.graph().output(2).name(), "logits");
  EXPECT_EQ(model.graph().input(0).name(), "image");
  // Channels first, a free batch in front.
  const auto& dims = model.graph().input(0).type().tensor_type().shape();
  ASSERT_EQ(dims.dim_size(), 4);
  EXPECT_TRUE(dims.dim(0).has_dim_param());
  EXPECT_EQ(dims.dim(1).dim_value(), 3);
  EXPECT_EQ(dims.dim(3).dim_value(), 6);

  const Graph back = parse_onnx(print_onnx(network()), {}).graph;
  std::vector<std::string> names;
  for (ValueId id : back.outputs) names.push_back(back.value(id).name);
  EXPECT_EQ(names, (std::vector<std::string>{"exit1", "exit2", "logits"}));
}

TEST(OnnxWriter, NamesOfNodesAndTensorsAreUnique) {
  const auto model = written(network());
  std::set<std::string> nodes, tensors;
  for (const auto& node : model.graph().node()) {
    EXPECT_TRUE(nodes.insert(node.name()).second) << node.name();
    EXPECT_TRUE(tensors.insert(node.output(0)).second) << node.output(0);
  }
  for (const char* name : {"act", "act_2", "pool", "classifier"}) EXPECT_TRUE(nodes.contains(name)) << name;
}

TEST(OnnxWriter, FactsTravelWithTheFile) {
  const Graph graph = network();
  const Graph back = parse_onnx(print_onnx(graph), {}).graph;
  EXPECT_EQ(back.preprocess, graph.preprocess);
  EXPECT_EQ(back.class_names, graph.class_names);
  EXPECT_EQ(back.metadata, graph.metadata);
  EXPECT_EQ(print_onnx(graph), print_onnx(network()));
}

/// A convolution and a linear layer of int8, both with names that another node has.
Graph encoded_network(Encoding first, Encoding second) {
  Graph graph;
  const Quantization x{{0.5f}, {3}, -1}, w{{0.25f, 0.125f}, {0, 0}, 0};
  const auto weight = [&](Shape shape, Encoding encoding) {
    std::vector<std::int8_t> elements(static_cast<std::size_t>(element_count(shape)), 0);
    for (std::size_t i = 0; i < elements.size(); i += 3) elements[i] = static_cast<std::int8_t>(static_cast<int>(i % 15) - 7);
    const ValueId id = graph.add_constant("w", {DType::kI8, std::move(shape), w}, Constant::of<std::int8_t>(elements));
    graph.value(id).encoding = encoding;
    return id;
  };
  const auto add = [&](Op op, std::vector<ValueId> inputs) {
    const ValueId id = graph.add_node("same", std::move(op), std::move(inputs));
    graph.value(id).type.quant = x;
    return id;
  };
  const ValueId image = graph.add_input("image", {DType::kI8, {3, 4, 8}, x});
  const ValueId a = add(Conv2d{}, {image, weight({2, 2, 1, 8}, first)});
  const ValueId flat = add(Reshape{{16}}, {a});
  graph.outputs = {add(Linear{}, {flat, weight({2, 16}, second)})};
  return graph;
}

TEST(OnnxWriter, EncodingsTravelWithTheFile) {
  for (const Encoding first : all_encodings()) {
    for (const Encoding second : all_encodings()) {
      const Graph back = parse_onnx(print_onnx(encoded_network(first, second)), {}).graph;
      std::vector<Encoding> encodings;
      for (const Node& node : back.nodes) {
        if (node.inputs.size() > 1) encodings.push_back(back.value(node.inputs[1]).encoding);
      }
      EXPECT_EQ(encodings, (std::vector<Encoding>{first, second}));
      EXPECT_TRUE(back.metadata.empty());
    }
  }
}

TEST(OnnxWriter, FloatWeightsKeepWhatTheyAskFor) {
  for (const Encoding asked : {Encoding{Layout::kDense, 4}, Encoding{Layout::kDense, 8, true}, Encoding{Layout::kDense, 4, true}}) {
    Graph graph = network();
    for (Value& value : graph.values) {
      if (value.name == "w") value.encoding = asked;
    }
    const Graph back = parse_onnx(print_onnx(graph), {}).graph;
    for (const Node& node : back.nodes) {
      if (node.inputs.size() != 2) continue;
      EXPECT_EQ(back.value(node.inputs[1]).encoding, asked);
    }
  }
}

TEST(OnnxWriter, OneScaleStaysOne) {
  Graph graph = encoded_network(all_encodings()[0], all_encodings()[1]);
  const Quantization one{{0.25f}, {0}, -1};
  for (Value& value : graph.values) {
    if (value.constant()) value.type.quant = one;
  }
  const Graph back = parse_onnx(print_onnx(graph), {}).graph;
  for (const Node& node : back.nodes) {
    if (node.inputs.size() > 1) {
      EXPECT_EQ(back.type(node.inputs[1]).quant, one);
    }
  }
}

TEST(OnnxWriter, WrongEncodingsAreRefused) {
  const auto message = [](const std::function<void(mj_onnx::StringStringEntryProto&)>& change) {
    auto model = written(encoded_network({Layout::kRelative, 4}, {}));
    for (auto& property : *model.mutable_metadata_props()) {
      if (property.key() == "millijoule.encoding.same") change(property);
    }
    const std::string bytes = model.SerializeAsString();
    try {
      parse_onnx(std::as_bytes(std::span(bytes)), {});
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(message([](auto&) {}), "");
  EXPECT_EQ(message([](auto& property) { property.set_value("relative"); }),
            "metadata 'millijoule.encoding.same' is 'relative'; expected an encoding such as relative_int4");
  EXPECT_EQ(message([](auto& property) { property.set_key("millijoule.encoding.other"); }),
            "metadata 'millijoule.encoding.other' names no convolution or linear layer");
  EXPECT_EQ(message([](auto& property) { property.set_value("dense_int8_per_tensor"); }),
            "value 'w_3_dequantized': is i8[2x2x1x8] and asks for one scale; expected a dense f32 constant");
}

TEST(OnnxWriter, IntegerInputsAndOutputsStayIntegers) {
  // Only reshaped, and in an order that the file stores otherwise: nothing computes in between.
  Graph graph;
  const Quantization quant{{0.5f}, {3}, -1};
  const ValueId x = graph.add_input("x", {DType::kI8, {2, 3, 4}, quant});
  const ValueId y = graph.add_node("flat", Reshape{{24}}, {x});
  graph.value(y).type.quant = quant;
  graph.outputs = {y};
  const auto model = written(graph);
  constexpr int kInt8 = 3;
  EXPECT_EQ(model.graph().input(0).type().tensor_type().elem_type(), kInt8);
  EXPECT_EQ(model.graph().output(0).type().tensor_type().elem_type(), kInt8);
  const Graph back = parse_onnx(print_onnx(graph), {}).graph;
  EXPECT_EQ(back.type(back.outputs[0]), graph.type(y));
}

TEST(OnnxWriter, Int16IsRefused) {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::kI16, {4}, Quantization{{0.5f}, {0}, -1}});
  graph.outputs = {graph.add_node("r", Clamp{{0, kInfinity}}, {x})};
  graph.value(graph.outputs[0]).type = graph.type(x);
  try {
    print_onnx(graph);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "node 'r' (clamp): output is i16; ONNX has int8 only");
  }
}

}  // namespace
}  // namespace mj
