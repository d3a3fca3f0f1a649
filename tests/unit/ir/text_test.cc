// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <set>

#include "mj/base/file.h"
#include "mj/base/random.h"
#include "mj/ir/verify.h"
#include "tests/unit/error_of.h"
#include "random_graph.h"

namespace mj {
namespace {

TEST(Text, RandomGraphsRoundTrip) {
  std::set<std::string> operators;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const Graph graph = random_graph(seed);
    for (const Node& node : graph.nodes) operators.insert(op_name(node.op));
    ASSERT_EQ(error_of([&] { verify(graph); }), "");
    std::map<std::string, Constant> blobs;
    const std::string text = print_text(graph, &blobs);
    Graph back;
    ASSERT_EQ(error_of([&] { back = parse_text(text, blobs); }), "") << text;
    ASSERT_TRUE(back == graph) << text;
    ASSERT_EQ(print_text(back), text);
  }
  EXPECT_EQ(operators.size(), std::variant_size_v<Op>) << "some operator was never tried";
}

/// A small graph with some of everything, as users see it.
Graph sample() {
  Graph graph;
  const ValueId x = graph.add_input("image", {DType::kI8, {4, 4, 1}, Quantization{{0.0039f}, {-128}, -1}});
  const ValueId w =
      graph.add_constant("w", {DType::kI8, {2, 1, 1, 1}, Quantization{{0.5f, 0.25f}, {0, 0}, 0}},
                         Constant::of(std::span<const std::int8_t>(std::array<std::int8_t, 2>{127, -127})));
  const ValueId y = graph.add_node("conv1", Conv2d{{3, 3}, {1, 1}, {0, 0, 1, 1}, 1, {0, kInfinity}}, {x, w});
  graph.value(y).type.quant = Quantization{{0.02f}, {-128}, -1};
  const ValueId z = graph.add_node("flat", Reshape{{8}}, {y});
  graph.outputs = {z};
  graph.preprocess = {1.0f / 255, {0.5f}, {0.25f}};
  graph.metadata["note"] = "two\nlines";
  graph.plan = Plan{24, {{x, 0, 16, -1, 0}, {y, 16, 8, 0, 1}, {z, 16, 8, 1, 2}}};
  return graph;
}

constexpr const char* kSample = R"(format = 1

input %0 "image": i8[4x4x1] scale=0.00389999989 zero_point=-128
const %1 "w": i8[2x1x1x1] scale=[0.5, 0.25] zero_point=0 axis=0 = [127, -127]
%2 "conv1": i8[2x2x2] scale=0.0199999996 zero_point=-128 = conv2d "conv1" (%0, %1) stride=[3, 3] pad=[0, 0, 1, 1] clamp=[0, inf]
%3 "flat": i8[8] scale=0.0199999996 zero_point=-128 = reshape "flat" (%2) shape=8
output %3
preprocess scale=0.00392156886 mean=0.5 std=0.25
metadata "note" = "two\nlines"

plan arena_bytes=24
buffer %0 offset=0 size=16 first=-1 last=0
buffer %2 offset=16 size=8 first=0 last=1
buffer %3 offset=16 size=8 first=1 last=2
)";

TEST(Text, PrintsWhatItSays) {
  EXPECT_EQ(print_text(sample()), kSample);
  EXPECT_EQ(parse_text(kSample, {}), sample());
}

TEST(Text, ReadsCommentsBlanksAndOtherOrders) {
  const Graph graph = parse_text(
      "# made by hand\r\n\n  format=1\n%1 \"y\" : f32[3]=clamp\"relu\"( %0 )\trange=[ 0,6 ]\n"
      "output %1\n  # between\ninput %0 \"x\": f32[3]",
      {});
  EXPECT_EQ(std::get<Clamp>(graph.nodes[0].op).range, (Range{0, 6}));
  EXPECT_EQ(graph.nodes[0].name, "relu");
  EXPECT_EQ(graph.value(1).name, "y");
}

TEST(Text, KeepsLargeConstantsAndNanApart) {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::kF32, {17}, {}});
  const std::vector<float> large(17, 1.5f);
  const float odd = std::bit_cast<float>(0xffc12345u);
  const ValueId a = graph.add_constant("a", {17}, large);
  const ValueId b = graph.add_constant("b", {1}, std::span(&odd, 1));
  const ValueId c = graph.add_constant("c", {17}, large);
  graph.outputs = {
      graph.add_node("s2", Add{}, {graph.add_node("s", Add{}, {graph.add_node("p", Mul{}, {x, a}), b}), c})};
  std::map<std::string, Constant> blobs;
  const std::string text = print_text(graph, &blobs);
  EXPECT_EQ(blobs.size(), 2u) << "equal constants are kept once";
  EXPECT_EQ(parse_text(text, blobs), graph);
  const std::string first = blobs.begin()->first;
  blobs.erase(first);
  EXPECT_THAT(error_of([&] { parse_text(text, blobs); }), testing::EndsWith("constant #" + first + " is not at hand"));
}

TEST(Text, SaysHowWeightsAreStored) {
  const char* const text = R"(format = 1
input %0 "x": i8[4] scale=1 zero_point=0
const %1 "w": i8[2x4] scale=1 zero_point=0 = relative_int4 [0, -8, 0, 7, 0, 0, 0, 0]
%2 "y": i8[2] scale=1 zero_point=0 = linear "y" (%0, %1)
output %2
)";
  const Graph graph = parse_text(text, {});
  EXPECT_EQ(graph.value(1).encoding, (Encoding{Layout::kRelative, 4}));
  EXPECT_EQ(parse_text(print_text(graph), {}), graph);
  std::string wrong = text;
  wrong.replace(wrong.find("relative_int4"), 13, "relativ_int4");
  EXPECT_EQ(error_of([&] { parse_text(wrong, {}); }),
            "line 3: unknown encoding 'relativ_int4'; did you mean 'relative_int4'?");
  std::string asking = text;
  asking.replace(asking.find("i8[2x4] scale=1 zero_point=0 = relative_int4"), 44, "f32[2x4] = dense_int4_per_tensor");
  for (std::string* at = &asking; at->find("i8[") != std::string::npos;) {
    const std::size_t found = at->find("i8[");
    at->replace(found, 2, "f32"), at->erase(at->find(" scale=1 zero_point=0", found), 21);
  }
  const Graph request = parse_text(asking, {});
  EXPECT_EQ(request.value(1).encoding, (Encoding{Layout::kDense, 4, true}));
  EXPECT_EQ(parse_text(print_text(request), {}), request);
  // Large constants go by their hash.
  for (const Encoding encoding : all_encodings()) {
    Graph large;
    const Quantization one{{1.0f}, {0}, -1};
    const ValueId x = large.add_input("x", {DType::kI8, {40}, one});
    const ValueId w = large.add_constant("w", {DType::kI8, {2, 40}, one}, Constant::of<std::int8_t>(std::vector<std::int8_t>(80, 3)));
    large.outputs = {large.add_node("y", Linear{}, {x, w})};
    large.value(large.outputs[0]).type.quant = one;
    large.value(w).encoding = encoding;
    std::map<std::string, Constant> blobs;
    const std::string printed = print_text(large, &blobs);
    EXPECT_EQ(parse_text(printed, blobs), large) << printed;
  }
}

TEST(Text, PrintsBrokenGraphs) {
  Graph graph = sample();
  graph.nodes[0].inputs[1] = 99;
  graph.nodes[1].output = -5;
  graph.outputs.push_back(1000);
  const std::string text = print_text(graph);
  EXPECT_THAT(text, testing::HasSubstr("conv2d \"conv1\" (%0, %99)"));
  EXPECT_THAT(text, testing::HasSubstr("%-5 = reshape \"flat\" (%2) shape=8\n"));
  EXPECT_THAT(text, testing::HasSubstr("\nvalue %3 \"flat\": i8[8]"));
  EXPECT_THAT(text, testing::HasSubstr("output %1000\n"));
}

/// The error of a text that begins with "format = 1" on line 1.
std::string error_at_2(const std::string& line) {
  return error_of([&] { parse_text("format = 1\n" + line, {}); });
}

TEST(TextErrors, Statements) {
  const auto parse = [](const char* text) { return error_of([&] { parse_text(text, {}); }); };
  EXPECT_EQ(parse(""), "line 1: expected 'format = 1' as the first statement");
  EXPECT_EQ(parse("# nothing\n"), "line 2: expected 'format = 1' as the first statement");
  EXPECT_EQ(parse("input %0 \"x\": f32[1]"), "line 1: expected 'format = 1' as the first statement");
  EXPECT_EQ(parse("%0"), "line 1: expected 'format = 1' as the first statement");
  EXPECT_EQ(parse("format = 2"), "line 1: format 2 is unknown; expected 1");
  EXPECT_EQ(parse("format 1"), "line 1: expected '=', found '1'");
  EXPECT_EQ(parse("format = 1 2"), "line 1: expected the end of the line, found '2'");
  EXPECT_EQ(error_at_2("format = 1"), "line 2: format is given twice");
  EXPECT_EQ(error_at_2("ouput %1"), "line 2: unknown statement 'ouput'; did you mean 'output'?");
  EXPECT_EQ(error_at_2("xyzzy"), "line 2: unknown statement 'xyzzy'");
  EXPECT_EQ(error_at_2("\x01!"), "line 2: expected a statement, found '?!'");
  EXPECT_EQ(error_at_2(std::string(200, 'a')), "line 2: expected a statement, found 'aaaaaaaaaaaaaaaaaaaaaaaa...'");
  EXPECT_EQ(error_at_2("preprocess\npreprocess"), "line 3: preprocess is given twice");
  EXPECT_EQ(error_at_2("plan\nplan"), "line 3: plan is given twice");
  EXPECT_EQ(error_at_2("buffer %0"), "line 2: expected 'plan' before the first buffer");
  EXPECT_EQ(error_at_2("metadata \"a\" = \"b\"\nmetadata \"a\" = \"c\""), "line 3: metadata 'a' is given twice");
}

TEST(TextErrors, ValuesAndTypes) {
  EXPECT_EQ(error_at_2("input 0"), "line 2: expected '%', found '0'");
  EXPECT_EQ(error_at_2("input %x"), "line 2: expected the number of a value, found 'x'");
  EXPECT_EQ(error_at_2("input %-1"), "line 2: value %-1 has a negative number");
  EXPECT_EQ(error_at_2("input %99999999999 \"x\""),
            "line 2: '99999999999 \"x\"' is out of range; expected the number of a value");
  EXPECT_EQ(error_at_2("input %0 x"), "line 2: expected the name of the value, found 'x'");
  EXPECT_EQ(error_at_2("input %0 \"x"), "line 2: string '\"x' is not closed");
  EXPECT_EQ(error_at_2("input %0 \"\\"), "line 2: unknown escape in string '\"\\'");
  EXPECT_EQ(error_at_2("input %0 \"\\x4\""), "line 2: unknown escape in string '\"\\x4\"'");
  EXPECT_EQ(error_at_2("input %0 \"\\x-4\""), "line 2: unknown escape in string '\"\\x-4\"'");
  EXPECT_EQ(error_at_2("input %0 \"x\" f32"), "line 2: expected ':', found 'f32'");
  EXPECT_EQ(error_at_2("input %0 \"x\": f64[1]"), "line 2: unknown element type 'f64'; expected f32, i8, i16 or i32");
  EXPECT_EQ(error_at_2("input %0 \"x\": f32 3"), "line 2: expected '[', found '3'");
  EXPECT_EQ(error_at_2("input %0 \"x\": f32[]"), "line 2: expected a shape, found ']'");
  EXPECT_EQ(error_at_2("input %0 \"x\": f32[2x]"), "line 2: expected a shape like 28x28x1, found '2x'");
  EXPECT_EQ(error_at_2("input %0 \"x\": f32[2xx3]"), "line 2: expected a shape like 28x28x1, found '2xx3'");
  EXPECT_EQ(error_at_2("input %0 \"x\": f32[2x0]"), "line 2: shape 2x0 has a dimension of 0; expected 1 or more");
  EXPECT_EQ(error_at_2("input %0 \"x\": f32[65536x65536]"),
            "line 2: shape 65536x65536 has more than 2147483647 elements");
  EXPECT_EQ(error_at_2("input %0 \"x\": f32[9223372036854775807x9223372036854775807]"),
            "line 2: shape 9223372036854775807x9223372036854775807 has more than 2147483647 elements");
  EXPECT_EQ(error_at_2("input %0 \"x\": f32[1x1x1x1x1x1x1x1x1]"), "line 2: shape has 9 dimensions; expected at most 8");
  EXPECT_EQ(error_at_2("input %0 \"x\": f32[3] ="), "line 2: expected the end of the line, found '='");
  EXPECT_EQ(error_at_2("input %0 \"x\": i8[3] scal=1"),
            "line 2: a quantisation has no attribute 'scal'; did you mean 'scale'?");
  EXPECT_EQ(error_at_2("input %0 \"x\": i8[3] scale=1 scale=2"), "line 2: attribute 'scale' is given twice");
  EXPECT_EQ(error_at_2("input %0 \"x\": i8[3] scale=1e99"), "line 2: '1e99' is out of range; expected a number");
  EXPECT_EQ(error_at_2("input %0 \"x\": i8[3] scale=one"), "line 2: expected a number, found 'one'");
  EXPECT_EQ(error_at_2("input %0 \"x\": f32[1]\ninput %0 \"y\": f32[1]"), "line 3: value %0 is defined twice");
  EXPECT_EQ(error_at_2("input %0 \"x\": f32[1]\ninput %2 \"y\": f32[1]\n"),
            "line 4: value %1 is not defined; the largest is %2");
}

TEST(TextErrors, Constants) {
  EXPECT_EQ(error_at_2("const %0 \"c\": i8[2]"), "line 2: expected '=', found the end of the line");
  EXPECT_EQ(error_at_2("const %0 \"c\": i8[2] = [1, 128]"), "line 2: '128]' is out of range; expected a whole number");
  EXPECT_EQ(error_at_2("const %0 \"c\": i8[2] = [1, 2"), "line 2: expected ']', found the end of the line");
  EXPECT_EQ(error_at_2("const %0 \"c\": i8[2] = [1, ]"), "line 2: expected a whole number, found ']'");
  EXPECT_EQ(error_at_2("const %0 \"c\": i8[2] = #"),
            "line 2: expected the hash of a constant, found the end of the line");
  EXPECT_EQ(error_at_2("const %0 \"c\": i8[2] = #12"), "line 2: constant #12 is not at hand");
  EXPECT_EQ(error_at_2("const %0 \"c\": f32[2] = [1, 2, 3]"), "value 'c': constant holds 12 bytes; f32[2] needs 8");
}

TEST(TextErrors, Nodes) {
  const auto node = [](const std::string& rest) { return error_at_2("%1 \"y\": f32[3] " + rest); };
  EXPECT_EQ(node(""), "line 2: expected '=', found the end of the line");
  EXPECT_EQ(node("= 7"), "line 2: unknown operator '7'");
  EXPECT_EQ(node("= conv2 \"c\""), "line 2: unknown operator 'conv2'; did you mean 'conv2d'?");
  EXPECT_EQ(node("= clamp (%0)"), "line 2: expected the name of the node, found '(%0)'");
  EXPECT_EQ(node("= clamp \"c\" %0"), "line 2: expected '(', found '%0'");
  EXPECT_EQ(node("= clamp \"c\" (%0"), "line 2: expected ')', found the end of the line");
  EXPECT_EQ(node("= clamp \"c\" (%0) rnge=[0, 1]"), "line 2: clamp has no attribute 'rnge'; did you mean 'range'?");
  EXPECT_EQ(node("= clamp \"c\" (%0) range=[0]"), "line 2: expected ',', found ']'");
  EXPECT_EQ(node("= clamp \"c\" (%0) range=[0, 1, 2]"), "line 2: expected ']', found ', 2]'");
  EXPECT_EQ(node("= clamp \"c\" (%0) = 3"), "line 2: expected the end of the line, found '= 3'");
  EXPECT_EQ(node("= mean \"c\" (%0) keep_dims=1"), "line 2: expected true or false, found '1'");
  EXPECT_EQ(node("= mean \"c\" (%0) keep_dims="), "line 2: expected true or false, found the end of the line");
  EXPECT_EQ(error_of([] {
              parse_text("format = 1\ninput %0 \"x\": f32[4]\n%1 \"y\": f32[3] = tanh \"t\" (%0)\noutput %1", {});
            }),
            "node 't' (tanh): output has shape 3; expected 4");
}

/// Damage to a good text: `parse_text` gives an `Error` or a graph that prints and parses back.
TEST(Text, SurvivesDamage) {
  int accepted = 0;
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomStream random(seed, 1);
    std::map<std::string, Constant> blobs;
    std::string text = print_text(random_graph(seed % 200), &blobs);
    for (std::uint64_t n = 1 + random.below(3); n > 0; --n) {
      const std::size_t at = random.below(text.size());
      static const std::string kinds = "0123456789-x[]()%=\"\\, \n.einf";
      if (random.below(3) == 0) {
        text.erase(at, random.below(20));
      } else if (random.below(2) == 0) {
        text.insert(at, 1 + random.below(4), kinds[random.below(kinds.size())]);
      } else {
        text[at] = static_cast<char>(random.below(4) ? kinds[random.below(kinds.size())] : random.below(256));
      }
    }
    try {
      const Graph graph = parse_text(text, blobs);
      ASSERT_EQ(parse_text(print_text(graph, &blobs), blobs), graph) << text;
      ++accepted;
    } catch (const Error& error) {
      ASSERT_STRNE(error.what(), "");
    }
  }
  EXPECT_GT(accepted, 100) << "the damage is too heavy to say anything";
}

class TextFiles : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) / ("text_files_test_" + std::to_string(getpid()));
  std::filesystem::path path_ = folder_ / "graph.txt";
  std::filesystem::path bin_ = folder_ / "graph.txt.bin";
};

TEST_F(TextFiles, RoundTrip) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const Graph graph = random_graph(seed);
    write_text_files(path_, graph);
    EXPECT_EQ(read_text_files(path_), graph);
  }
}

TEST_F(TextFiles, RefusesDamagedConstants) {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::kF32, {20}, {}});
  const ValueId c = graph.add_constant("c", {20}, std::vector<float>(20, 2.0f));
  graph.outputs = {graph.add_node("y", Mul{}, {x, c})};
  write_text_files(path_, graph);
  const std::vector<std::byte> good = read_file(bin_);
  ASSERT_EQ(good.size(), 16u + 80u);
  std::map<std::string, Constant> blobs;
  print_text(graph, &blobs);
  const std::string hash = blobs.begin()->first, where = bin_.string();
  const auto error = [&] { return error_of([&] { read_text_files(path_); }); };

  write_file(bin_, std::span(good).first(15));
  EXPECT_EQ(error(), where + ": ends inside the header of constant 0");
  write_file(bin_, std::span(good).first(95));
  EXPECT_EQ(error(), where + ": constant #" + hash + " claims 80 bytes; 79 are left");
  std::vector<std::byte> bad = good;
  bad[40] ^= std::byte{1};
  write_file(bin_, bad);
  EXPECT_EQ(error(), where + ": constant #" + hash + " is damaged: its bytes do not have this hash");
  std::filesystem::remove(bin_);
  EXPECT_EQ(error(), path_.string() + ": line 4: constant #" + hash + " is not at hand");
  std::filesystem::remove(path_);
  EXPECT_EQ(error(), path_.string() + ": no such file");
}

}  // namespace
}  // namespace mj
