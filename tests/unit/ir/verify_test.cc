// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/verify.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "mj/base/random.h"
#include "tests/unit/error_of.h"
#include "random_graph.h"
#include "special_floats.h"

namespace mj {
namespace {

Constant zero_bytes(std::int64_t bytes) { return Constant(std::vector<std::byte>(static_cast<std::size_t>(bytes))); }

/// int8: x %0 -> conv2d(w %1, b %2) %3 -> reshape %4 -> tanh %5; planned.
Graph good() {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::kI8, {2, 2, 3}, Quantization{{0.5f}, {-3}, -1}});
  const ValueId w =
      graph.add_constant("w", {DType::kI8, {2, 1, 1, 3}, Quantization{{0.25f, 0.125f}, {0, 0}, 0}}, zero_bytes(6));
  const ValueId b = graph.add_constant("b", {DType::kI32, {2}, Quantization{{0.125f, 0.0625f}, {0, 0}, 0}}, zero_bytes(8));
  const ValueId y = graph.add_node("c", Conv2d{}, {x, w, b});
  graph.value(y).type.quant = Quantization{{1.0f}, {7}, -1};
  const ValueId r = graph.add_node("r", Reshape{{8}}, {y});
  const ValueId t = graph.add_node("t", Tanh{}, {r});
  graph.value(t).type.quant = Quantization{{1.0f / 128}, {0}, -1};
  graph.outputs = {t};
  graph.plan = Plan{20, {{x, 0, 12, -1, 0}, {y, 12, 8, 0, 1}, {r, 12, 8, 1, 2}, {t, 0, 8, 2, 3}}};
  return graph;
}

/// What the verifier says of the good graph after one change.
std::string after(const std::function<void(Graph&)>& change) {
  Graph graph = good();
  change(graph);
  return error_of([&] { verify(graph); });
}
std::string after_quant(ValueId id, const std::function<void(Quantization&)>& change) {
  return after([&](Graph& graph) { change(*graph.value(id).type.quant); });
}

TEST(Verify, AcceptsWhatIsWellFormed) {
  EXPECT_EQ(after([](Graph&) {}), "");
  EXPECT_EQ(after([](Graph& graph) { graph.plan.reset(); }), "");
}

TEST(Verify, Values) {
  EXPECT_EQ(after([](Graph& g) {
              g.value(3).type.shape = {2, 0, 2};
            }),
            "value 'c': shape 2x0x2 has a dimension of 0; expected 1 or more");
  EXPECT_EQ(after([](Graph& g) { g.value(1).data = zero_bytes(5); }),
            "value 'w': constant holds 5 bytes; i8[2x1x1x3] needs 6");
  EXPECT_EQ(after([](Graph& g) { g.value(0).type.quant.reset(); }),
            "value 'x': is i8 without a quantisation; expected scale and zero point");
  EXPECT_EQ(after([](Graph& g) { g.value(0).type.dtype = DType::kF32; }),
            "value 'x': is f32 and has a quantisation; expected none");
}

TEST(Verify, Quantisations) {
  EXPECT_EQ(after_quant(0, [](Quantization& q) { q.scale = {}; }),
            "value 'x': has 0 scales and 1 zero points; expected 1 of each");
  EXPECT_EQ(after_quant(1, [](Quantization& q) { q.zero_point = {0}; }),
            "value 'w': has 2 scales and 1 zero points; expected 2 of each");
  EXPECT_EQ(after_quant(1, [](Quantization& q) { q.axis = 4; }),
            "value 'w': is quantised along axis 4; shape 2x1x1x3 has 4");
  EXPECT_EQ(after_quant(1, [](Quantization& q) { q.axis = -2; }),
            "value 'w': is quantised along axis -2; expected -1 (none) or a dimension");
  EXPECT_EQ(after_quant(0, [](Quantization& q) { q.axis = 0; }),
            "value 'x': is computed and quantised per channel; expected per tensor");
  for (const auto& [scale, text] : {std::pair(0.0f, "0"), {-1.0f, "-1"}, {kNan, "nan"}, {kInfinity, "inf"}}) {
    EXPECT_EQ(after_quant(0, [&](Quantization& q) { q.scale = {scale}; }),
              std::string("value 'x': has scale ") + text + "; expected a positive, finite number");
  }
  EXPECT_EQ(after_quant(0, [](Quantization& q) { q.zero_point = {128}; }),
            "value 'x': has zero point 128; expected -128 to 127");
  EXPECT_EQ(after_quant(1, [](Quantization& q) { q.zero_point = {0, 1}; }), "value 'w': has zero point 1; expected 0");
  EXPECT_EQ(after([](Graph& g) { g.value(0).type.dtype = DType::kI16; }), "value 'x': has zero point -3; expected 0");
  EXPECT_EQ(after_quant(2, [](Quantization& q) { q = {{1}, {1}, -1}; }), "value 'b': has zero point 1; expected 0");
  EXPECT_EQ(after_quant(1,
                        [](Quantization& q) {
                          q = {{1, 1, 1}, {0, 0, 0}, 3};
                        }),
            "node 'c' (conv2d): weight is quantised along axis 3; expected axis 0 or none");
  EXPECT_EQ(after_quant(1,
                        [](Quantization& q) {
                          q = {{1}, {1}, -1};
                        }),
            "node 'c' (conv2d): weight has zero point 1; expected 0");
  EXPECT_EQ(after_quant(2, [](Quantization& q) { q.scale[1] = 0.5f; }),
            "node 'c' (conv2d): bias 1 has scale 0.5; input and weight make 0.0625");
  EXPECT_EQ(after_quant(2, [](Quantization& q) { q.scale[1] *= 1.00001f; }), "") << "rounding is forgiven";
  EXPECT_EQ(after_quant(4, [](Quantization& q) { q.scale = {3}; }),
            "node 'r' (reshape): output has another quantisation than the input");
  EXPECT_EQ(after([](Graph& g) {
              g.plan.reset();
              g.nodes[2].op = Concat{0};
              g.nodes[2].inputs = {4, g.add_constant("k", {DType::kI8, {1}, Quantization{{9}, {0}, -1}}, zero_bytes(1))};
              g.value(5).type = {DType::kI8, {9}, g.value(4).type.quant};
            }),
            "node 't' (concat): input 1 has another quantisation than the first");
  EXPECT_EQ(after([](Graph& g) {
              g.plan.reset();
              g.nodes[2].op = Mul{};
              g.nodes[2].inputs = {4, g.add_constant("k", {DType::kI8, {1}, Quantization{{9}, {0}, 0}}, zero_bytes(1))};
            }),
            "node 't' (mul): input 1 is quantised per channel; expected per tensor");
}

TEST(Verify, Encodings) {
  const auto stored = [](ValueId id, Encoding encoding) {
    return after([&](Graph& graph) { graph.value(id).encoding = encoding; });
  };
  constexpr Encoding kRelative{Layout::kRelative, 8};
  for (const Encoding encoding : all_encodings()) {
    if (encoding.layout == Layout::kBlock4) continue;
    EXPECT_EQ(stored(1, encoding), "") << encoding_name(encoding);
  }
  EXPECT_EQ(stored(1, {Layout::kBlock4, 8}),
            "value 'w': blocks of four need rows of a multiple of four elements; found rows of 3");
  EXPECT_EQ(stored(1, {Layout::kDense, 5}), "value 'w': is stored in elements of 5 bits; expected 8 or 4");
  EXPECT_EQ(stored(2, kRelative), "value 'b': is i32 and stored as relative_int8; expected i8");
  EXPECT_EQ(stored(3, kRelative), "value 'c': is computed and stored as relative_int8; expected a constant");
  const auto with_elements = [](std::vector<std::int8_t> elements) {
    return after([&](Graph& graph) {
      graph.value(1).data = Constant::of<std::int8_t>(elements);
      graph.value(1).encoding.bits = 4;
    });
  };
  EXPECT_EQ(with_elements({-8, 7, 0, 1, 2, 3}), "");
  EXPECT_EQ(with_elements({-8, 7, 0, 1, 8, 3}), "value 'w': element 4 is 8; elements of 4 bits are -8 to 7");
  EXPECT_EQ(with_elements({-9, 7, 0, 1, 2, 3}), "value 'w': element 0 is -9; elements of 4 bits are -8 to 7");

  Graph sum = good();
  sum.plan.reset();
  const ValueId c = sum.add_constant("k", {DType::kI8, {8}, Quantization{{0.5f}, {0}, -1}}, zero_bytes(8));
  const ValueId y = sum.add_node("s", Add{}, {4, c});
  sum.value(y).type.quant = Quantization{{1.0f}, {0}, -1};
  sum.outputs.push_back(y);
  EXPECT_EQ(error_of([&] { verify(sum); }), "");
  sum.value(c).encoding = kRelative;
  EXPECT_EQ(error_of([&] { verify(sum); }),
            "node 's' (add): input 1 ('k') is stored as relative_int8; expected a weight of conv2d or linear");

  Graph deep;
  const ValueId x = deep.add_input("x", {DType::kI8, {2, 2, 3}, Quantization{{0.5f}, {-3}, -1}});
  const ValueId w = deep.add_constant("w", {DType::kI8, {3, 2, 2, 1}, Quantization{{0.25f}, {0}, -1}}, zero_bytes(12));
  deep.outputs = {deep.add_node("d", Conv2d{.groups = 3}, {x, w})};
  deep.value(deep.outputs[0]).type.quant = Quantization{{1.0f}, {7}, -1};
  deep.value(w).encoding.bits = 4;
  EXPECT_EQ(error_of([&] { verify(deep); }), "");
  deep.value(w).encoding = kRelative;
  EXPECT_EQ(error_of([&] { verify(deep); }),
            "node 'd' (conv2d): weight of a depthwise convolution is stored as relative_int8; expected dense_int8 or "
            "dense_int4");

  Graph real;
  const ValueId image = real.add_input("x", {DType::kF32, {3}, {}});
  const ValueId matrix = real.add_constant("m", {2, 3}, std::vector<float>(6, 1.0f));
  real.outputs = {real.add_node("l", Linear{}, {image, matrix})};
  real.value(matrix).encoding.bits = 4;
  EXPECT_EQ(error_of([&] { verify(real); }), "") << "asks for 4 bits";
  real.value(matrix).encoding.per_tensor = true;
  EXPECT_EQ(error_of([&] { verify(real); }), "") << "and for one scale";
  real.value(matrix).encoding.layout = Layout::kRelative;
  EXPECT_EQ(error_of([&] { verify(real); }), "value 'm': is f32[2x3] and asks for one scale; expected a dense f32 constant");
  real.value(matrix).encoding = {Layout::kDense, 4};
  EXPECT_EQ(stored(1, {Layout::kDense, 8, true}), "value 'w': is i8[2x1x1x3] and asks for one scale; expected a dense f32 constant");
  real.value(matrix).encoding.layout = Layout::kBitmap;
  EXPECT_EQ(error_of([&] { verify(real); }), "value 'm': is f32 and stored as bitmap_int4; expected dense_int8 or dense_int4");
}

TEST(Verify, HybridAndWideActivations) {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::kF32, {3}, {}});
  const ValueId w = graph.add_constant("w", {DType::kI8, {2, 3}, Quantization{{1, 2}, {0, 0}, 0}}, zero_bytes(6));
  const ValueId b = graph.add_constant("b", {DType::kF32, {2}, {}}, zero_bytes(8));
  graph.outputs = {graph.add_node("fc", Linear{}, {x, w, b})};
  EXPECT_EQ(error_of([&] { verify(graph); }), "") << "f32 activations, i8 weights";

  graph.value(x).type = {DType::kI16, {3}, Quantization{{0.5f}, {0}, -1}};
  graph.value(b).type = {DType::kI32, {2}, Quantization{{0.5f, 1}, {0, 0}, 0}};
  graph.value(3).type = {DType::kI16, {2}, Quantization{{0.5f}, {0}, -1}};
  EXPECT_EQ(error_of([&] { verify(graph); }), "") << "i16 activations, i8 weights, i32 bias";
  graph.value(b).type = {DType::kF32, {2}, {}};
  EXPECT_EQ(error_of([&] { verify(graph); }), "node 'fc' (linear): bias is f32 where the input is i16; expected i32");
}

TEST(Verify, QuantizeTakesAnyTarget) {
  for (const DType from : {DType::kF32, DType::kI8, DType::kI16}) {
    for (const DType to : {DType::kF32, DType::kI8, DType::kI16, DType::kI32}) {
      const auto type = [](DType dtype) {
        return Type{dtype, {3}, dtype == DType::kF32 ? std::nullopt : std::optional(Quantization{{0.5f}, {0}, -1})};
      };
      Graph graph;
      const ValueId y = graph.add_node("q", Quantize{}, {graph.add_input("x", type(from))});
      graph.value(y).type = type(to);
      graph.outputs = {y};
      EXPECT_EQ(error_of([&] { verify(graph); }),
                to == DType::kI32 ? "node 'q' (quantize): output is i32; expected f32, i8 or i16" : "");
      graph.value(y).type.shape = {4};
      EXPECT_EQ(error_of([&] { verify(graph); }), "node 'q' (quantize): output has shape 4; expected 3");
    }
  }
}

TEST(Verify, Order) {
  EXPECT_EQ(after([](Graph& g) { std::swap(g.nodes[0], g.nodes[1]); }),
            "node 'r' (reshape): reads value 'c' before it is written");
  EXPECT_EQ(after([](Graph& g) { g.nodes[1].inputs = {4}; }),
            "node 'r' (reshape): reads value 'r' before it is written");
  EXPECT_EQ(after([](Graph& g) { g.nodes[1].inputs = {6}; }),
            "node 'r' (reshape): an input is value 6; the graph has 6 values");
  EXPECT_EQ(after([](Graph& g) { g.nodes[1].inputs = {-1}; }),
            "node 'r' (reshape): an input is value -1; the graph has 6 values");
  EXPECT_EQ(after([](Graph& g) { g.nodes[1].output = 6; }),
            "node 'r' (reshape): output is value 6; the graph has 6 values");
  EXPECT_EQ(after([](Graph& g) { g.nodes[1].output = -1; }),
            "node 'r' (reshape): output is value -1; the graph has 6 values");
  EXPECT_EQ(after([](Graph& g) { g.nodes[1].output = 3; }),
            "node 'r' (reshape): writes value 'c', which is written already");
  EXPECT_EQ(after([](Graph& g) { g.nodes[1].output = 0; }),
            "node 'r' (reshape): writes value 'x', which is written already");
  EXPECT_EQ(after([](Graph& g) { g.nodes[1].output = 1; }),
            "node 'r' (reshape): writes value 'w', which is a constant");
  EXPECT_EQ(after([](Graph& g) {
              g.add_value("loose", {DType::kF32, {1}, {}});
            }),
            "value 'loose' is neither constant, input nor written by a node");
  EXPECT_EQ(after([](Graph& g) { g.nodes[0].inputs.pop_back(), g.nodes[0].inputs.pop_back(); }),
            "node 'c' (conv2d): has 1 inputs; expected 2 to 3");
}

TEST(Verify, NodeTypes) {
  EXPECT_EQ(after([](Graph& g) {
              g.value(5).type.shape = {4, 2};
            }),
            "node 't' (tanh): output has shape 4x2; expected 8");
  EXPECT_EQ(after([](Graph& g) { g.value(5).type.dtype = DType::kI16; }),
            "node 't' (tanh): output is i16; expected i8");
}

TEST(Verify, InputsAndOutputs) {
  EXPECT_EQ(after([](Graph& g) { g.inputs = {9}; }), "graph input is value 9; the graph has 6 values");
  EXPECT_EQ(after([](Graph& g) { g.inputs = {0, 0}; }), "graph input 'x' is listed twice");
  EXPECT_EQ(after([](Graph& g) { g.inputs = {0, 1}; }), "graph input 'w' is a constant");
  EXPECT_EQ(after([](Graph& g) {
              g.value(0).type.dtype = DType::kI32, g.value(0).type.quant = Quantization{{1}, {0}, -1};
            }),
            "graph input 'x' is i32; expected f32, i8 or i16");
  EXPECT_EQ(after([](Graph& g) { g.outputs = {}; }), "the graph has no output");
  EXPECT_EQ(after([](Graph& g) { g.outputs = {-7}; }), "graph output is value -7; the graph has 6 values");
  EXPECT_EQ(after([](Graph& g) { g.outputs = {5, 5}; }), "graph output 't' is listed twice");
  EXPECT_EQ(after([](Graph& g) { g.outputs = {1}; }), "graph output 'w' is a constant");
  EXPECT_EQ(error_of([] { verify(Graph()); }), "the graph has no input");
}

TEST(Verify, Facts) {
  EXPECT_EQ(after([](Graph& g) { g.class_names = {"a", "b"}; }), "2 class names; the last output has 8 elements");
  EXPECT_EQ(after([](Graph& g) { g.class_names.resize(8); }), "");
  EXPECT_EQ(after([](Graph& g) { g.preprocess.scale = 0; }),
            "preprocess: scale is 0; expected a finite number other than 0");
  EXPECT_EQ(after([](Graph& g) {
              g.preprocess.mean = {0, 1};
            }),
            "preprocess: mean has 2 entries; expected 1 or one for each of the 3 channels");
  EXPECT_EQ(after([](Graph& g) {
              g.preprocess.mean = {0, kNan, 1};
            }),
            "preprocess: mean is nan; expected a finite number");
  EXPECT_EQ(after([](Graph& g) {
              g.preprocess.std = {1, 0, 1};
            }),
            "preprocess: std is 0; expected a finite number other than 0");
  EXPECT_EQ(after([](Graph& g) { g.preprocess.std = {}; }),
            "preprocess: std has 0 entries; expected 1 or one for each of the 3 channels");
}

std::string after_plan(const std::function<void(Plan&)>& change) {
  return after([&](Graph& graph) { change(*graph.plan); });
}

TEST(Verify, Plans) {
  EXPECT_EQ(after_plan([](Plan& p) { p.buffers[0].value = 6; }),
            "plan: a buffer is for value 6; the graph has 6 values");
  EXPECT_EQ(after_plan([](Plan& p) { p.buffers[0].value = 1; }),
            "plan: buffer of 'w': constants have no place in the arena");
  EXPECT_EQ(after_plan([](Plan& p) { p.buffers[1] = p.buffers[0]; }), "plan: buffer of 'x': is listed twice");
  EXPECT_EQ(after_plan([](Plan& p) { p.buffers.pop_back(); }), "plan: value 't' has no buffer");
  EXPECT_EQ(after_plan([](Plan& p) { p.buffers[0].size = 11; }),
            "plan: buffer of 'x': has 11 bytes; the value needs 12");
  EXPECT_EQ(after_plan([](Plan& p) { p.arena_bytes = 19; }),
            "plan: buffer of 'c': 8 bytes at 12 are outside of the arena of 19");
  EXPECT_EQ(after_plan([](Plan& p) { p.buffers[0].offset = -1; }),
            "plan: buffer of 'x': 12 bytes at -1 are outside of the arena of 20");
  EXPECT_EQ(after_plan([](Plan& p) { p.buffers[0].offset = std::numeric_limits<Bytes>::max(); }),
            "plan: buffer of 'x': 12 bytes at 9223372036854775807 are outside of the arena of 20");
  EXPECT_EQ(after_plan([](Plan& p) { p.buffers[0].size = std::numeric_limits<Bytes>::max(); }),
            "plan: buffer of 'x': 9223372036854775807 bytes at 0 are outside of the arena of 20");
  EXPECT_EQ(after_plan([](Plan& p) { p.buffers[1].first = 1; }),
            "plan: buffer of 'c': is alive from node 1; expected 0");
  EXPECT_EQ(after_plan([](Plan& p) { p.buffers[1].last = 0; }),
            "plan: buffer of 'c': is alive up to node 0; expected 1");
  EXPECT_EQ(after_plan([](Plan& p) { p.buffers[3].last = 2; }),
            "plan: buffer of 't': is alive up to node 2; expected 3");
  EXPECT_EQ(after_plan([](Plan& p) { p.buffers[1].offset = 11; }),
            "plan: buffers of 'x' and 'c' overlap while both are alive");
  EXPECT_EQ(after_plan([](Plan& p) { p.arena_bytes = 21, p.buffers[2].offset = 13; }),
            "plan: buffers of 'c' and 'r' overlap while both are alive");
  EXPECT_EQ(after_plan([](Plan& p) { p.buffers[3].offset = 5; }),
            "plan: buffers of 'r' and 't' overlap while both are alive")
      << "a node's input is alive while its output is written";
}

/// Plans drawn at random, against a check of every byte at every step.
TEST(Verify, PlansAgainstABytemap) {
  int sound = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomStream random(seed);
    Graph graph;
    std::vector<ValueId> live{graph.add_input("x", {DType::kF32, {2}, {}})};
    for (int i = 0; i < 4; ++i) {
      const ValueId from = live[random.below(live.size())];
      live.push_back(graph.add_node("n", random.below(3) ? Op(Tanh{}) : Op(Reshape{{2}}), {from}));
    }
    graph.outputs = {live.back()};
    const auto writer = producers(graph);
    const auto readers = consumers(graph);
    const auto nodes = static_cast<std::int32_t>(graph.nodes.size());
    graph.plan = Plan{24, {}};
    for (const ValueId id : live) {
      const auto& read = readers[static_cast<std::size_t>(id)];
      const std::int32_t first = writer[static_cast<std::size_t>(id)];
      const std::int32_t last = id == live.back() ? nodes : read.empty() ? first : read.back();
      Bytes offset = 8 * static_cast<Bytes>(random.below(3));
      const Op* op = first >= 0 ? &graph.nodes[static_cast<std::size_t>(first)].op : nullptr;
      if (op && std::holds_alternative<Reshape>(*op) && random.below(2)) {
        offset = graph.plan->buffers[static_cast<std::size_t>(graph.nodes[static_cast<std::size_t>(first)].inputs[0])]
                     .offset;
      }
      graph.plan->buffers.push_back({id, offset, 8, first, last});
    }

    // Run it: every byte of the arena holds the number of what was written to it; a reshape in place changes nothing.
    bool holds = true;
    std::vector<ValueId> arena(24, -1), content(graph.values.size(), -1);
    const auto& buffers = graph.plan->buffers;
    const auto write = [&](ValueId id, ValueId what) {
      content[static_cast<std::size_t>(id)] = what;
      const Buffer& buffer = buffers[static_cast<std::size_t>(id)];
      std::fill_n(arena.begin() + buffer.offset, 8, what);
    };
    const auto intact = [&](ValueId id) {
      const Buffer& buffer = buffers[static_cast<std::size_t>(id)];
      return std::all_of(arena.begin() + buffer.offset, arena.begin() + buffer.offset + 8,
                         [&](ValueId what) { return what == content[static_cast<std::size_t>(id)]; });
    };
    write(live[0], live[0]);
    for (std::int32_t i = 0; i <= nodes; ++i) {
      if (i < nodes) {
        const Node& node = graph.nodes[static_cast<std::size_t>(i)];
        const bool reshape = std::holds_alternative<Reshape>(node.op);
        write(node.output, reshape ? content[static_cast<std::size_t>(node.inputs[0])] : node.output);
      }
      for (const Buffer& buffer : buffers) {
        if (buffer.first <= i && i <= buffer.last) holds &= intact(buffer.value);
      }
    }
    ASSERT_EQ(error_of([&] { verify(graph); }).empty(), holds);
    sound += holds;
  }
  EXPECT_GT(sound, 100);
  EXPECT_LT(sound, 2900);
}

}  // namespace
}  // namespace mj
