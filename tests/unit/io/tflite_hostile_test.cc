// SPDX-License-Identifier: Apache-2.0
// Files that lie: one sentence each, and never the memory they ask for.
#include <gtest/gtest.h>

#include "mj/base/error.h"
#include "mj/io/tflite.h"
#include "mj/ir/verify.h"
#include "tflite_file.h"

namespace mj {
namespace {

using Type = TfliteFile::Type;
using Code = TfliteFile::Code;
using Bytes8 = std::vector<std::int8_t>;

/// x {1,3} through one fully connected layer to y {1,2}.
struct Layer : TfliteFile {
  int x = tensor("x", Type::FLOAT32, {1, 3});
  int y = tensor("y", Type::FLOAT32, {1, 2});
  int w = floats("w", {2, 3}, {1, 2, 3, 4, 5, 6});
  Layer() {
    op(Code::FULLY_CONNECTED, {x, w}, {y}, mj_tflite::FullyConnectedOptionsT{});
    outputs({y});
  }
  mj_tflite::OperatorT& node() { return *graph().operators[0]; }
};

/// What the layer says after a change.
template <class Change>
std::string changed(Change change) {
  Layer layer;
  change(layer);
  return message_of(layer);
}

TEST(TfliteHostile, NotAModel) {
  const std::string text = "this is no model";
  const auto bytes = std::as_bytes(std::span(text));
  EXPECT_EQ(message_of({bytes.begin(), bytes.end()}), "not a TFLite model: bytes 4 to 7 are not 'TFL3'");
  EXPECT_EQ(message_of(std::vector<std::byte>()), "not a TFLite model: bytes 4 to 7 are not 'TFL3'");
  const std::string only_named("\xff\xff\xff\x7fTFL3\0\0\0\0", 12);
  const auto named = std::as_bytes(std::span(only_named));
  EXPECT_EQ(message_of({named.begin(), named.end()}),
            "damaged or truncated TFLite model: its tables lead outside of the file, or are too many");
  EXPECT_EQ(changed([](Layer& l) { l.model.version = 2; }), "has schema version 2; expected 3");
  EXPECT_EQ(changed([](Layer& l) { l.model.subgraphs.clear(); }), "holds no network; expected a subgraph");
}

TEST(TfliteHostile, EveryPrefixAndEveryFlippedByteIsRefusedOrSound) {
  const auto whole = Layer().bytes();
  const auto check = [](const std::vector<std::byte>& bytes) {
    try {
      const ImportResult result = parse_tflite(bytes);
      if (result.unsupported.empty()) verify(result.graph);
    } catch (const Error&) {
    }
  };
  for (std::size_t size = 0; size < whole.size(); ++size) {
    check({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const unsigned flip : {0x01u, 0x80u, 0xffu}) {
      auto bytes = whole;
      bytes[i] ^= static_cast<std::byte>(flip);
      check(bytes);
    }
  }
}

TEST(TfliteHostile, IndicesOutsideOfTheFile) {
  EXPECT_EQ(changed([](Layer& l) {
              l.node().inputs = {7, l.w};
            }),
            "node 'y' (FULLY_CONNECTED): input 0 is tensor 7; the file has 3");
  EXPECT_EQ(changed([](Layer& l) {
              l.node().inputs = {-5, l.w};
            }),
            "node 'y' (FULLY_CONNECTED): input 0 is tensor -5; the file has 3");
  EXPECT_EQ(changed([](Layer& l) { l.node().outputs = {3}; }),
            "node '' (FULLY_CONNECTED): output 0 is tensor 3; the file has 3");
  EXPECT_EQ(changed([](Layer& l) { l.node().outputs = {}; }),
            "node '' (FULLY_CONNECTED): has no outputs; expected 1 or more");
  EXPECT_EQ(changed([](Layer& l) { l.node().opcode_index = 9; }),
            "node 'y' (CUSTOM): has operator code 9; the file has 1");
  EXPECT_EQ(changed([](Layer& l) { l.at(l.w).buffer = 77; }),
            "node 'y' (FULLY_CONNECTED): tensor 'w': is kept in buffer 77; the file has 2");
  EXPECT_EQ(changed([](Layer& l) { l.graph().inputs = {12}; }), "the network input is tensor 12; the file has 3");
  EXPECT_EQ(changed([](Layer& l) { l.graph().outputs = {-1}; }), "a network output is tensor -1; the file has 3");
  EXPECT_EQ(changed([](Layer& l) { l.graph().inputs = {}; }), "has 0 inputs; expected 1");
  EXPECT_EQ(changed([](Layer& l) { l.graph().outputs = {}; }), "has no outputs; expected 1 or more");
}

TEST(TfliteHostile, CyclesAndMissingInputs) {
  // TFLite lists operators in the order they run in: a cycle shows as a tensor read before it is written.
  TfliteFile cycle;
  const int x = cycle.tensor("x", Type::FLOAT32, {1, 2});
  const int a = cycle.tensor("a", Type::FLOAT32, {1, 2}), b = cycle.tensor("b", Type::FLOAT32, {1, 2});
  cycle.op(Code::ADD, {x, b}, {a}, mj_tflite::AddOptionsT{});
  cycle.op(Code::RELU, {a}, {b});
  cycle.outputs({b});
  EXPECT_EQ(message_of(cycle), "node 'a' (ADD): reads 'b', which no operator before it writes");
  EXPECT_EQ(changed([](Layer& l) {
              l.node().inputs = {-1, l.w};
            }),
            "node 'y' (FULLY_CONNECTED): has no input 0; expected one");
  EXPECT_EQ(changed([](Layer& l) { l.node().inputs = {l.x}; }),
            "node 'y' (FULLY_CONNECTED): has 1 inputs; expected 2 to 3");
  EXPECT_EQ(changed([](Layer& l) {
              l.node().inputs = {l.y, l.w};
            }),
            "node 'y' (FULLY_CONNECTED): reads 'y', which no operator before it writes");
  EXPECT_EQ(changed([](Layer& l) { l.node().outputs = {l.x}; }),
            "node 'x' (FULLY_CONNECTED): writes the network input 'x'");
  EXPECT_EQ(changed([](Layer& l) { l.node().outputs = {l.w}; }),
            "node 'w' (FULLY_CONNECTED): writes 'w', which is a constant");
  EXPECT_EQ(changed([](Layer& l) { l.op(Code::RELU, {l.x}, {l.y}); }),
            "node 'y' (RELU): writes 'y', which is written already");
}

TEST(TfliteHostile, TypesThatDoNotMatch) {
  EXPECT_EQ(
      changed([](Layer& l) { l.at(l.w).type = Type::INT32; }),
      "y (FULLY_CONNECTED): its weight 'w' holds INT32 where the input is f32; convert with float or int8 weights");
  EXPECT_EQ(
      changed([](Layer& l) { l.at(l.w).type = Type::STRING; }),
      "y (FULLY_CONNECTED): its weight 'w' holds STRING where the input is f32; convert with float or int8 weights");
  EXPECT_EQ(changed([](Layer& l) { l.at(l.x).type = Type::COMPLEX64; }),
            "input 'x': holds COMPLEX64; expected FLOAT32, INT8 or UINT8");
  EXPECT_EQ(changed([](Layer& l) { l.at(l.x).type = Type::INT8; }), "input 'x': tensor 'x' holds INT8 without a scale");
  EXPECT_EQ(changed([](Layer& l) { l.at(l.y).type = Type::INT32; }),
            "y (FULLY_CONNECTED): 'y' holds INT32; convert with float or int8 activations");
  EXPECT_EQ(changed([](Layer& l) {
              l.at(l.y).shape = {1, 5};
            }),
            "node 'y' (FULLY_CONNECTED): output 'y' has shape 1x5; its inputs make 1x2");
  EXPECT_EQ(changed([](Layer& l) {
              l.at(l.x).shape = {1, 4};
            }),
            "node 'y' (FULLY_CONNECTED): input 'x' has 4 elements; expected a multiple of the weight's 3 features");
  EXPECT_EQ(changed([](Layer& l) { l.node().builtin_options.Set(mj_tflite::SoftmaxOptionsT{}); }),
            "node 'y' (FULLY_CONNECTED): has SoftmaxOptions; expected FullyConnectedOptions");
}

TEST(TfliteHostile, QuantisationThatMakesNoSense) {
  const auto quantized = [](float scale, std::int64_t zero, const TfliteFile::Quant& weight) {
    TfliteFile file;
    const int x = file.tensor("x", Type::INT8, {1, 3}, {{scale}, {zero}});
    const int y = file.tensor("y", Type::INT8, {1, 2}, {{1}, {0}});
    const int w = file.constant<std::int8_t>("w", Type::INT8, {2, 3}, Bytes8(6, 1), weight);
    file.op(Code::FULLY_CONNECTED, {x, w}, {y}, mj_tflite::FullyConnectedOptionsT{});
    file.outputs({y});
    return message_of(file);
  };
  EXPECT_EQ(quantized(0.5f, 0, {{0.5f}, {0}}), "");
  EXPECT_EQ(quantized(0, 0, {{0.5f}, {0}}), "input 'x': tensor 'x': has scale 0; expected a positive, finite number");
  EXPECT_EQ(quantized(std::numeric_limits<float>::infinity(), 0, {{0.5f}, {0}}),
            "input 'x': tensor 'x': has scale inf; expected a positive, finite number");
  EXPECT_EQ(quantized(0.5f, 128, {{0.5f}, {0}}), "input 'x': tensor 'x': has zero point 128; INT8 holds -128 to 127");
  EXPECT_EQ(quantized(0.5f, 0, {{0.5f}, {3}}),
            "y (FULLY_CONNECTED): its weight 'w' has zero points other than 0; convert again with int8 weights, which "
            "have none");
  EXPECT_EQ(quantized(0.5f, 0, {{0.5f, 0.5f, 0.5f}, {0, 0, 0}, 0}),
            "node 'y' (FULLY_CONNECTED): tensor 'w': has 3 scales for dimension 0 of size 2; expected as many");
  EXPECT_EQ(quantized(0.5f, 0, {{0.5f, 0.5f}, {0, 0}, 4}),
            "node 'y' (FULLY_CONNECTED): tensor 'w': is quantised along dimension 4; shape 2x3 has 2");
  EXPECT_EQ(quantized(0.5f, 0, {{0.5f, 0.5f, 0.5f}, {0, 0, 0}, 1}),
            "node 'y' (FULLY_CONNECTED): weight 'w' is quantised along dimension 1; expected 0");
  EXPECT_EQ(quantized(0.5f, 0, {{0.5f, 0.5f}, {0, 0, 0}, 0}),
            "node 'y' (FULLY_CONNECTED): tensor 'w': has 2 scales and 3 zero points; expected as many");
}

TEST(TfliteHostile, ClaimsOfGigabytes) {
  EXPECT_EQ(changed([](Layer& l) {
              l.at(l.w).shape = {1 << 14, 1 << 15};
            }),
            "node 'y' (FULLY_CONNECTED): tensor 'w': holds 24 bytes; FLOAT32[16384x32768] needs 2147483648");
  EXPECT_EQ(changed([](Layer& l) {
              l.at(l.w).shape = {1 << 30, 1 << 30, 1 << 30};
            }),
            "node 'y' (FULLY_CONNECTED): tensor 'w': shape 1073741824x1073741824x1073741824 has more than 2147483647 "
            "elements");
  EXPECT_EQ(changed([](Layer& l) {
              l.at(l.w).shape = {-2, -3};
            }),
            "node 'y' (FULLY_CONNECTED): tensor 'w': shape -2x-3 has a dimension of -2; expected 1 or more");
  EXPECT_EQ(changed([](Layer& l) { l.at(l.w).shape.assign(100, 1); }),
            "node 'y' (FULLY_CONNECTED): tensor 'w': has 100 dimensions; expected at most 8");
  EXPECT_EQ(changed([](Layer& l) {
              l.at(l.x).shape = {1, 1 << 30, 1 << 30};
            }),
            "input 'x': tensor 'x': shape 1x1073741824x1073741824 has more than 2147483647 elements");
  EXPECT_EQ(changed([](Layer& l) { l.buffer_of(l.w).offset = 1 << 30; }),
            "node 'y' (FULLY_CONNECTED): tensor 'w': keeps its elements outside of the flatbuffer; expected a file "
            "below 2 GB");

  TfliteFile padded;
  const int x = padded.tensor("x", Type::FLOAT32, {1, 3}), y = padded.tensor("y", Type::FLOAT32, {});
  const int amounts = padded.constant<std::int32_t>("p", Type::INT32, {2, 2}, {0, 0, 1 << 30, 1 << 30});
  padded.op(Code::PAD, {x, amounts}, {y});
  padded.outputs({y});
  EXPECT_EQ(message_of(padded), "node 'y' (PAD): shape 1x2147483651 has more than 2147483647 elements");

  // Many tensors that share a buffer would each be dequantised.
  TfliteFile shared;
  int at = shared.tensor("x", Type::FLOAT32, {1, 64});
  const int w =
      shared.constant<std::uint8_t>("w", Type::UINT8, {64, 64}, std::vector<std::uint8_t>(64 * 64, 3), {{0.5f}, {7}});
  for (int i = 0; i < 40; ++i) {
    const int copy = shared.tensor("w" + std::to_string(i), Type::UINT8, {64, 64}, {{0.5f}, {7}});
    shared.at(copy).buffer = shared.at(w).buffer;
    const int real = shared.tensor("r" + std::to_string(i), Type::FLOAT32, {64, 64});
    const int next = shared.tensor("y" + std::to_string(i), Type::FLOAT32, {1, 64});
    shared.op(Code::DEQUANTIZE, {copy}, {real});
    shared.op(Code::FULLY_CONNECTED, {at, real}, {next}, mj_tflite::FullyConnectedOptionsT{});
    at = next;
  }
  shared.outputs({at});
  EXPECT_EQ(message_of(shared),
            "node 'y12' (FULLY_CONNECTED): its constants grow to many times the size of the file; expected fewer that "
            "share a buffer");
}

TEST(TfliteHostile, EveryUnsupportedOperatorIsNamedAtOnce) {
  TfliteFile file;
  const int x = file.tensor("x", Type::FLOAT32, {1, 2, 2});
  const int a = file.tensor("a", Type::FLOAT32, {1, 2, 2}), b = file.tensor("b", Type::FLOAT32, {1, 2, 2});
  const int c = file.tensor("c", Type::FLOAT32, {1, 2, 2}), d = file.tensor("d", Type::FLOAT32, {1, 2, 2});
  const int e = file.tensor("e", Type::FLOAT32, {1, 2, 2});
  file.op(Code::ELU, {x}, {a});
  file.op(Code::RELU, {a}, {b});
  file.op(Code::DIV, {b, a}, {c});
  file.op(Code::CUSTOM, {x}, {d});
  file.model.operator_codes.back()->custom_code = "FlexErf";
  file.op(Code::ADD, {c, d}, {e}, mj_tflite::AddOptionsT{});
  file.outputs({e});
  EXPECT_EQ(message_of(file),
            "a (ELU): not available; use Relu or LeakyRelu\n"
            "c (DIV): not available; multiply by the reciprocal\n"
            "d (FlexErf): an operator of TensorFlow; convert with TFLITE_BUILTINS alone");
}

}  // namespace
}  // namespace mj
