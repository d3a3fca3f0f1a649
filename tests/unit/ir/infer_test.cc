// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/infer.h"

#include <gtest/gtest.h>

#include <limits>

#include "mj/base/random.h"
#include "tests/unit/error_of.h"
#include "tests/unit/ir/special_floats.h"

namespace mj {
namespace {

constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();

/// Inputs for one operator; constants hold zeros.
struct Operands {
  Graph graph;
  std::vector<ValueId> ids;

  Operands& input(Shape shape, DType dtype = DType::kF32) {
    ids.push_back(graph.add_input("x", {dtype, std::move(shape), {}}));
    return *this;
  }
  Operands& constant(Shape shape, DType dtype = DType::kF32) {
    const Type type{dtype, std::move(shape), {}};
    const auto size = static_cast<std::size_t>(type.bytes());
    ids.push_back(graph.add_constant("c", type, Constant(std::vector<std::byte>(size))));
    return *this;
  }
  /// Claims a type without holding the data, as a hostile file does.
  Operands& claim(Shape shape, DType dtype = DType::kF32) {
    graph.values.push_back({"c", {dtype, std::move(shape), {}}, Constant(std::vector<std::byte>(1))});
    ids.push_back(static_cast<ValueId>(graph.values.size() - 1));
    return *this;
  }
  Type type(const Op& op) const { return infer_type(graph, op, ids); }
  Shape shape(const Op& op) const { return type(op).shape; }
  std::string error(const Op& op) const {
    return error_of([&] { type(op); });
  }
};

Operands input(Shape shape, DType dtype = DType::kF32) { return std::move(Operands().input(std::move(shape), dtype)); }

/// Places where a window of these taps lies inside the padded axis, counted one by one.
std::int64_t positions(std::int64_t size, std::int64_t before, std::int64_t after, std::int64_t taps,
                       std::int64_t dilation, std::int64_t stride) {
  std::int64_t count = 0;
  for (std::int64_t start = -before; start + dilation * (taps - 1) < size + after; start += stride) ++count;
  return count;
}

TEST(Infer, WindowsAgainstCounting) {
  RandomStream random(7);
  const auto between = [&](std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(most - least + 1)));
  };
  int fitting = 0;
  for (int trial = 0; trial < 20000; ++trial) {
    const Shape x{between(1, 12), between(1, 12), between(1, 3)};
    const Pair kernel{between(1, 5), between(1, 5)}, stride{between(1, 4), between(1, 4)};
    const Pair dilation{between(1, 3), between(1, 3)};
    const Padding pad{between(0, 4), between(0, 4), between(0, 4), between(0, 4)};
    SCOPED_TRACE(testing::Message() << "trial " << trial);

    const Shape conv{positions(x[0], pad[0], pad[2], kernel[0], dilation[0], stride[0]),
                     positions(x[1], pad[1], pad[3], kernel[1], dilation[1], stride[1]), 5};
    const Operands operands = input(x).constant({5, kernel[0], kernel[1], x[2]}).constant({5});
    const Conv2d op{stride, dilation, pad, 1, {}};
    if (conv[0] == 0 || conv[1] == 0) {
      ASSERT_NE(operands.error(op), "");
    } else {
      ASSERT_EQ(operands.shape(op), conv);
      ++fitting;
    }

    const Shape pool{positions(x[0], pad[0], pad[2], kernel[0], 1, stride[0]),
                     positions(x[1], pad[1], pad[3], kernel[1], 1, stride[1]), x[2]};
    bool padding_small = true;
    for (std::size_t i = 0; i < 4; ++i) padding_small &= pad[i] < kernel[i % 2];
    for (const Op& each : {Op(MaxPool{kernel, stride, pad, {}}), Op(AvgPool{kernel, stride, pad, true, {}})}) {
      if (pool[0] == 0 || pool[1] == 0 || !padding_small) {
        ASSERT_NE(input(x).error(each), "");
      } else {
        ASSERT_EQ(input(x).shape(each), pool);
      }
    }
  }
  EXPECT_GT(fitting, 5000);
}

TEST(Infer, KnownLayers) {
  // ResNet-18's stem on ImageNet: 224 -> 112 -> 56.
  EXPECT_EQ(input({224, 224, 3}).constant({64, 7, 7, 3}).shape(Conv2d{{2, 2}, {1, 1}, {3, 3, 3, 3}, 1, {}}),
            (Shape{112, 112, 64}));
  EXPECT_EQ(input({112, 112, 64}).shape(MaxPool{{3, 3}, {2, 2}, {1, 1, 1, 1}, {}}), (Shape{56, 56, 64}));
  // Depthwise, with a multiplier of 2.
  EXPECT_EQ(input({8, 8, 6}).constant({12, 3, 3, 1}).shape(Conv2d{{1, 1}, {1, 1}, {1, 1, 1, 1}, 6, {}}),
            (Shape{8, 8, 12}));
  // A 1-D signal.
  EXPECT_EQ(input({1, 100, 2}).constant({4, 1, 5, 2}).shape(Conv2d{{1, 2}, {1, 3}, {0, 0, 0, 0}, 1, {}}),
            (Shape{1, 44, 4}));
  EXPECT_EQ(input({7, 3, 10}).constant({4, 10}).constant({4}).shape(Linear{}), (Shape{7, 3, 4}));
  EXPECT_EQ(input({5, 6, 7}).shape(Mean{{0, 1}, false}), (Shape{7}));
  EXPECT_EQ(input({5, 6, 7}).shape(Mean{{0, 1}, true}), (Shape{1, 1, 7}));
  EXPECT_EQ(input({5}).shape(Mean{{0}, false}), (Shape{}));
  EXPECT_EQ(input({5, 6, 7}).shape(Transpose{{2, 0, 1}}), (Shape{7, 5, 6}));
  EXPECT_EQ(input({5, 6, 7}).shape(Reshape{{210}}), (Shape{210}));
  EXPECT_EQ(input({5, 6}).shape(Pad{{1, 0}, {2, 3}, 0}), (Shape{8, 9}));
  EXPECT_EQ(input({2, 3}).input({2, 4}).input({2, 1}).shape(Concat{1}), (Shape{2, 8}));
  EXPECT_EQ(input({2, 3}).constant({3}).shape(PRelu{}), (Shape{2, 3}));
  EXPECT_EQ(input({4, 3}).constant({3}).constant({3}).constant({3}).constant({3}).shape(BatchNorm{}), (Shape{4, 3}));
  for (const Op& op : {Op(Clamp{}), Op(LeakyRelu{}), Op(HardSigmoid{}), Op(HardSwish{}), Op(Sigmoid{}), Op(Tanh{}),
                       Op(Softmax{}), Op(Quantize{})}) {
    EXPECT_EQ(input({2, 3}).type(op), (Type{DType::kF32, {2, 3}, {}})) << op_name(op);
  }
}

TEST(Infer, BroadcastAgainstIndexing) {
  RandomStream random(8);
  int fitting = 0;
  for (int trial = 0; trial < 5000; ++trial) {
    SCOPED_TRACE(testing::Message() << "trial " << trial);
    Shape a(random.below(4)), b(random.below(4));
    for (Shape* shape : {&a, &b}) {
      for (std::int64_t& d : *shape) d = 1 + static_cast<std::int64_t>(random.below(3));
    }
    // NumPy's rule as a definition: pad with ones in front, then each pair is equal or has a one.
    Shape pa = a, pb = b, expected;
    while (pa.size() < pb.size()) pa.insert(pa.begin(), 1);
    while (pb.size() < pa.size()) pb.insert(pb.begin(), 1);
    bool fits = true;
    for (std::size_t i = 0; i < pa.size(); ++i) {
      fits &= pa[i] == pb[i] || std::min(pa[i], pb[i]) == 1;
      expected.push_back(std::max(pa[i], pb[i]));
    }
    for (const Op& op : {Op(Add{}), Op(Sub{}), Op(Mul{})}) {
      if (fits) {
        ASSERT_EQ(input(a).input(b).shape(op), expected);
        ++fitting;
      } else {
        ASSERT_EQ(input(a).input(b).error(op),
                  "shapes " + shape_text(a) + " and " + shape_text(b) + " do not broadcast");
      }
    }
  }
  EXPECT_GT(fitting, 1000);
}

TEST(Infer, SliceAgainstCounting) {
  for (std::int64_t size = 1; size < 7; ++size) {
    for (std::int64_t begin = 0; begin < size; ++begin) {
      for (std::int64_t end = begin + 1; end <= size; ++end) {
        for (std::int64_t stride = 1; stride < 8; ++stride) {
          std::int64_t count = 0;
          for (std::int64_t i = begin; i < end; i += stride) ++count;
          ASSERT_EQ(input({size}).shape(Slice{{begin}, {end}, {stride}}), (Shape{count}));
        }
      }
    }
  }
}

TEST(Infer, DtypesAndQuantisation) {
  const Quantization quant{{0.5f}, {3}, -1};
  Operands q = input({2, 2, 4}, DType::kI8);
  q.graph.value(0).type.quant = quant;
  for (const Op& op :
       {Op(MaxPool{{1, 1}, {1, 1}, {}, {}}), Op(Concat{0}), Op(Reshape{{2, 2, 4}}), Op(Transpose{{0, 1, 2}}),
        Op(Pad{{0, 0, 0}, {0, 0, 0}, 0}), Op(Slice{{0, 0, 0}, {2, 2, 4}, {1, 1, 1}})}) {
    EXPECT_EQ(q.type(op), (Type{DType::kI8, {2, 2, 4}, quant})) << op_name(op);
  }
  for (const Op& op : {Op(Clamp{}), Op(AvgPool{{1, 1}, {1, 1}, {}, false, {}}), Op(Softmax{})}) {
    EXPECT_EQ(q.type(op), (Type{DType::kI8, {2, 2, 4}, {}})) << op_name(op);
  }
  EXPECT_EQ(q.type(Quantize{}).dtype, DType::kF32) << "the target is not known yet";

  using enum DType;
  const auto linear = [](DType x, DType w, DType b) {
    return input({4}, x).constant({2, 4}, w).constant({2}, b).error(Linear{});
  };
  EXPECT_EQ(linear(kF32, kF32, kF32), "");
  EXPECT_EQ(linear(kF32, kI8, kF32), "") << "hybrid";
  EXPECT_EQ(linear(kI8, kI8, kI32), "");
  EXPECT_EQ(linear(kI16, kI8, kI32), "");
  EXPECT_EQ(linear(kF32, kI16, kF32), "weight is i16 where the input is f32; expected f32 or i8");
  EXPECT_EQ(linear(kI8, kF32, kI32), "weight is f32 where the input is i8; expected i8");
  EXPECT_EQ(linear(kI16, kI16, kI32), "weight is i16 where the input is i16; expected i8");
  EXPECT_EQ(linear(kI8, kI8, kF32), "bias is f32 where the input is i8; expected i32");
  EXPECT_EQ(linear(kF32, kI8, kI32), "bias is i32 where the input is f32; expected f32");
  EXPECT_EQ(linear(kI32, kI8, kI32), "input 0 is i32; expected f32, i8 or i16");
}

TEST(InferErrors, Inputs) {
  EXPECT_EQ(Operands().error(Tanh{}), "has 0 inputs; expected 1");
  EXPECT_EQ(Operands().error(Concat{}), "no inputs; expected 1 or more");
  EXPECT_EQ(input({1, 1, 1}).error(Conv2d{}), "has 1 inputs; expected 2 to 3");
  EXPECT_EQ(input({3}).error(Linear{}), "has 1 inputs; expected 2 to 3");
  EXPECT_EQ(input({3}).error(BatchNorm{}), "has 1 inputs; expected 5");
  EXPECT_EQ(input({3}).error(PRelu{}), "has 1 inputs; expected 2");
  EXPECT_EQ(input({3}).error(Mul{}), "has 1 inputs; expected 2");
  for (const Op& op :
       {Op(Clamp{}), Op(LeakyRelu{}), Op(HardSigmoid{}), Op(HardSwish{}), Op(Sigmoid{}), Op(Softmax{}), Op(MaxPool{}),
        Op(AvgPool{}), Op(Mean{}), Op(Reshape{}), Op(Transpose{}), Op(Pad{}), Op(Slice{}), Op(Quantize{})}) {
    EXPECT_EQ(input({3}).input({3}).error(op), "has 2 inputs; expected 1") << op_name(op);
  }
  Operands operands = input({3});
  operands.ids = {7};
  EXPECT_EQ(operands.error(Tanh{}), "input 0 is value 7; the graph has 1 values");
  operands.ids = {-1};
  EXPECT_EQ(operands.error(Tanh{}), "input 0 is value -1; the graph has 1 values");
  operands.ids = {0};
  operands.graph.value(0).type.shape = {0};
  EXPECT_EQ(operands.error(Tanh{}), "shape 0 has a dimension of 0; expected 1 or more");
}

TEST(InferErrors, Conv2d) {
  const Operands good = input({4, 4, 6}).constant({8, 3, 3, 6});
  EXPECT_EQ(good.error(Conv2d{}), "");
  EXPECT_EQ(input({4, 4}).constant({8, 3, 3, 6}).error(Conv2d{}),
            "input has shape 4x4; expected {height, width, channels}");
  EXPECT_EQ(input({4, 4, 6}).input({8, 3, 3, 6}).error(Conv2d{}), "weight 'x' is computed; expected a constant");
  EXPECT_EQ(input({4, 4, 6}).constant({8, 9, 6}).error(Conv2d{}),
            "weight has shape 8x9x6; expected {outputs, rows, columns, channels}");
  EXPECT_EQ(input({4, 4, 5}).constant({8, 3, 3, 6}).error(Conv2d{}), "input has 5 channels; weight expects 6");
  EXPECT_EQ(good.error(Conv2d{{0, 1}}), "stride is 0; expected 1 to 2147483647");
  EXPECT_EQ(good.error(Conv2d{{1, kHuge}}), "stride is 9223372036854775807; expected 1 to 2147483647");
  EXPECT_EQ(good.error(Conv2d{{1, 1}, {-1, 1}}), "dilation is -1; expected 1 to 2147483647");
  EXPECT_EQ(good.error(Conv2d{{1, 1}, {1, 1}, {0, 0, -1, 0}}), "pad is -1; expected 0 to 2147483647");
  EXPECT_EQ(good.error(Conv2d{{1, 1}, {1, 1}, {0, 0, 0, kHuge}}),
            "pad is 9223372036854775807; expected 0 to 2147483647");
  EXPECT_EQ(good.error(Conv2d{{1, 1}, {1, 1}, {0, 0, 0, 0}, 0}), "groups is 0; expected 1 to 2147483647");
  EXPECT_EQ(good.error(Conv2d{{1, 1}, {1, 1}, {0, 0, 0, 0}, 4}),
            "input has 6 channels; expected a multiple of groups 4");
  EXPECT_EQ(good.error(Conv2d{{1, 1}, {1, 1}, {0, 0, 0, 0}, 3}),
            "weight has 8 outputs; expected a multiple of groups 3");
  EXPECT_EQ(good.error(Conv2d{{1, 1}, {1, 1}, {0, 0, 0, 0}, 2}), "input has 6 channels; weight expects 12");
  EXPECT_EQ(good.error(Conv2d{{1, 1}, {2, 1}}), "window of 5 rows does not fit into 4 (padding included)");
  EXPECT_EQ(good.error(Conv2d{{1, 1}, {1, 2147483647}}),
            "window of 4294967295 columns does not fit into 4 (padding included)");
  EXPECT_EQ(good.error(Conv2d{{1, 1}, {1, 1}, {2147483647, 2147483647, 0, 0}}),
            "shape 2147483649x2147483649x8 has more than 2147483647 elements");
  EXPECT_EQ(good.error(Conv2d{{1, 1}, {1, 1}, {0, 0, 0, 0}, 1, {2, 1}}),
            "clamp is from 2 to 1; expected limits that are in order");
  EXPECT_EQ(good.error(Conv2d{{1, 1}, {1, 1}, {0, 0, 0, 0}, 1, {kNan, 1}}),
            "clamp is from nan to 1; expected limits that are in order");
  EXPECT_EQ(input({4, 4, 6}).constant({8, 3, 3, 6}).constant({7}).error(Conv2d{}), "bias has shape 7; expected 8");
  EXPECT_EQ(input({4, 4, 6}).constant({8, 3, 3, 6}).input({8}).error(Conv2d{}),
            "bias 'x' is computed; expected a constant");
  // A weight that claims two thousand million rows behind an input of one.
  EXPECT_EQ(input({1, 1, 1}).claim({1, 2147483647, 1, 1}).error(Conv2d{{1, 1}, {2147483647, 1}}),
            "window of 4611686011984936963 rows does not fit into 1 (padding included)");
}

TEST(InferErrors, LinearAndNormalisation) {
  EXPECT_EQ(input({128}).constant({10, 64}).error(Linear{}), "input has 128 features; weight expects 64");
  EXPECT_EQ(input({}).constant({10, 64}).error(Linear{}), "input is a scalar; expected one dimension or more");
  EXPECT_EQ(input({64}).constant({64}).error(Linear{}), "weight has shape 64; expected {outputs, features}");
  EXPECT_EQ(input({64}).input({10, 64}).error(Linear{}), "weight 'x' is computed; expected a constant");
  EXPECT_EQ(input({64}).constant({10, 64}).error(Linear{{kInfinity, kInfinity}}),
            "clamp is from inf to inf; expected limits that are in order");

  const auto norm = [](Operands operands, float epsilon = 1e-5f) { return operands.error(BatchNorm{epsilon}); };
  EXPECT_EQ(norm(input({3}).constant({3}).constant({3}).constant({2}).constant({3})),
            "mean is f32[2]; expected f32[3]");
  EXPECT_EQ(norm(input({3}).constant({3}).constant({3}, DType::kI8).constant({3}).constant({3})),
            "beta is i8[3]; expected f32[3]");
  EXPECT_EQ(norm(input({3}).constant({3}).constant({3}).constant({3}).input({3})),
            "variance 'x' is computed; expected a constant");
  EXPECT_EQ(norm(input({}).constant({3}).constant({3}).constant({3}).constant({3})),
            "input is a scalar; expected one dimension or more");
  EXPECT_EQ(norm(input({3}, DType::kI8).constant({3}).constant({3}).constant({3}).constant({3})),
            "input is i8; expected f32 (fold it before quantising)");
  EXPECT_EQ(norm(input({3}).constant({3}).constant({3}).constant({3}).constant({3}), kNan),
            "epsilon is nan; expected a finite number that is not negative");
}

TEST(InferErrors, Elementwise) {
  EXPECT_EQ(input({3}).error(Clamp{{1, 0}}), "range is from 1 to 0; expected limits that are in order");
  EXPECT_EQ(input({3}).error(LeakyRelu{kNan}), "alpha is nan; expected a finite number");
  EXPECT_EQ(input({3}).error(HardSigmoid{kInfinity, 0}), "alpha is inf; expected a finite number");
  EXPECT_EQ(input({3}).error(HardSigmoid{0, -kInfinity}), "beta is -inf; expected a finite number");
  EXPECT_EQ(input({3}).error(Softmax{kNan}), "beta is nan; expected a finite number");
  EXPECT_EQ(input({}).error(Softmax{}), "input is a scalar; expected one dimension or more");
  EXPECT_EQ(input({3}, DType::kI32).error(Tanh{}), "input 0 is i32; expected f32, i8 or i16");
  EXPECT_EQ(input({3}).input({3}, DType::kI8).error(Add{}), "inputs are f32 and i8; expected the same");
  EXPECT_EQ(input({3}).input({4}).error(Mul{}), "shapes 3 and 4 do not broadcast");
  EXPECT_EQ(input({65536, 1}).input({1, 65536}).error(Sub{}), "shape 65536x65536 has more than 2147483647 elements");
  EXPECT_EQ(input({3}).input({3}).error(Add{{0, -1}}), "clamp is from 0 to -1; expected limits that are in order");
  EXPECT_EQ(input({3}).constant({3}, DType::kI8).error(PRelu{}), "slope is i8; expected f32, as the input");
  EXPECT_EQ(input({3}).constant({2, 3}).error(PRelu{}), "slope has shape 2x3; expected one that broadcasts to 3");
  EXPECT_EQ(input({3}).input({3}).error(PRelu{}), "slope 'x' is computed; expected a constant");
}

TEST(InferErrors, Pools) {
  EXPECT_EQ(input({4, 4}).error(MaxPool{}), "input has shape 4x4; expected {height, width, channels}");
  EXPECT_EQ(input({4, 4, 1}).error(MaxPool{{0, 2}}), "kernel is 0; expected 1 to 2147483647");
  EXPECT_EQ(input({4, 4, 1}).error(MaxPool{{2, 2}, {2, -2}}), "stride is -2; expected 1 to 2147483647");
  EXPECT_EQ(input({4, 4, 1}).error(AvgPool{{2, 2}, {2, 2}, {0, 0, 0, -1}}), "pad is -1; expected 0 to 2147483647");
  EXPECT_EQ(input({4, 4, 1}).error(AvgPool{{3, 2}, {1, 1}, {2, 2, 2, 0}}), "pad 2 is not smaller than the window of 2");
  EXPECT_EQ(input({4, 4, 1}).error(MaxPool{{5, 2}, {1, 1}}), "window of 5 rows does not fit into 4 (padding included)");
  EXPECT_EQ(input({4, 4, 1}).error(MaxPool{{2, 2}, {2, 2}, {0, 0, 0, 0}, {1, 0}}),
            "clamp is from 1 to 0; expected limits that are in order");
  const std::int64_t most = 2147483647;
  EXPECT_EQ(input({1, 1, 1}).error(AvgPool{{most, most}, {1, 1}, {most - 1, most - 1, most - 1, most - 1}}),
            "shape 2147483647x2147483647x1 has more than 2147483647 elements");
}

TEST(InferErrors, ShapeOperators) {
  EXPECT_EQ(input({3, 4}).error(Mean{{}}), "axes is empty; expected one axis or more");
  EXPECT_EQ(input({3, 4}).error(Mean{{2}}), "axis 2 is outside of the 2 dimensions of the input");
  EXPECT_EQ(input({3, 4}).error(Mean{{-1}}), "axis -1 is outside of the 2 dimensions of the input");
  EXPECT_EQ(input({3, 4}).error(Mean{{1, 1}}), "axes lists 1 twice");
  EXPECT_EQ(input({}).error(Concat{0}), "axis 0 is outside of the 0 dimensions of the input");
  EXPECT_EQ(input({3, 4}).input({3, 4, 1}).error(Concat{1}), "input 1 has shape 3x4x1; expected 3x4 up to axis 1");
  EXPECT_EQ(input({3, 4}).input({2, 4}).error(Concat{1}), "input 1 has shape 2x4; expected 3x4 up to axis 1");
  EXPECT_EQ(input({3, 4}).input({3, 4}, DType::kI8).error(Concat{1}), "input 1 is i8; expected f32, as the first");
  EXPECT_EQ(input({2000000000}).input({2000000000}).error(Concat{0}),
            "shape 4000000000 has more than 2147483647 elements");
  EXPECT_EQ(input({3, 4}).error(Reshape{{13}}), "input 3x4 has 12 elements; shape 13 has 13");
  EXPECT_EQ(input({3, 4}).error(Reshape{{-3, -4}}), "shape -3x-4 has a dimension of -3; expected 1 or more");
  EXPECT_EQ(input({3, 4}).error(Reshape{{kHuge, kHuge}}),
            "shape 9223372036854775807x9223372036854775807 has more than 2147483647 elements");
  for (const std::vector<std::int64_t>& perm :
       {std::vector<std::int64_t>{0}, {0, 0}, {0, 2}, {-1, 0}, {0, 1, 2}, std::vector<std::int64_t>{}}) {
    EXPECT_EQ(input({3, 4}).error(Transpose{perm}), "perm is not a permutation of the 2 dimensions of the input");
  }
  EXPECT_EQ(input({3, 4}).error(Pad{{1}, {1, 1}, 0}),
            "before has 1 entries; expected 2, one per dimension of the input");
  EXPECT_EQ(input({3, 4}).error(Pad{{1, 1}, {1}, 0}),
            "after has 1 entries; expected 2, one per dimension of the input");
  EXPECT_EQ(input({3, 4}).error(Pad{{-1, 1}, {1, 1}, 0}), "before is -1; expected 0 to 2147483647");
  EXPECT_EQ(input({3, 4}).error(Pad{{1, 1}, {1, kHuge}, 0}), "after is 9223372036854775807; expected 0 to 2147483647");
  EXPECT_EQ(input({3, 4}).error(Pad{{1, 1}, {1, 1}, kNan}), "value is nan; expected a finite number");
  EXPECT_EQ(input({3}).error(Pad{{2147483647}, {2147483647}, 0}), "shape 4294967297 has more than 2147483647 elements");
  EXPECT_EQ(input({3, 4}).error(Slice{{0, 0}, {3, 5}, {1, 1}}),
            "dimension 1 is sliced from 0 to 5; expected a part of 0 to 4");
  EXPECT_EQ(input({3, 4}).error(Slice{{-1, 0}, {3, 4}, {1, 1}}),
            "dimension 0 is sliced from -1 to 3; expected a part of 0 to 3");
  EXPECT_EQ(input({3, 4}).error(Slice{{2, 0}, {2, 4}, {1, 1}}),
            "dimension 0 is sliced from 2 to 2; expected a part of 0 to 3");
  EXPECT_EQ(input({3, 4}).error(Slice{{0, 0}, {3, 4}, {1, 0}}), "stride is 0; expected 1 to 2147483647");
  EXPECT_EQ(input({3, 4}).error(Slice{{0}, {3, 4}, {1, 1}}),
            "begin has 1 entries; expected 2, one per dimension of the input");
  EXPECT_EQ(input({3, 4}).error(Slice{{0, 0}, {3}, {1, 1}}),
            "end has 1 entries; expected 2, one per dimension of the input");
  EXPECT_EQ(input({3, 4}).error(Slice{{0, 0}, {3, 4}, {}}),
            "stride has 0 entries; expected 2, one per dimension of the input");
}

TEST(Infer, ShapesFollowANewResolution) {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::kF32, {8, 8, 1}, {}});
  const ValueId w = graph.add_constant("w", {2, 3, 3, 1}, std::vector<float>(18));
  const ValueId y = graph.add_node("c", Conv2d{{2, 2}}, {x, w});
  const ValueId z = graph.add_node("m", Mean{}, {y});
  graph.outputs = {z};
  graph.plan.emplace();
  graph.value(y).type.dtype = DType::kI8;  // only shapes are re-inferred
  graph.value(x).type.shape = {16, 12, 1};
  const Graph again = infer_shapes(graph);
  EXPECT_EQ(again.type(y), (Type{DType::kI8, {7, 5, 2}, {}}));
  EXPECT_EQ(again.type(z).shape, (Shape{2}));
  EXPECT_FALSE(again.plan);
  graph.value(x).type.shape = {2, 2, 1};
  EXPECT_EQ(error_of([&] { infer_shapes(graph); }),
            "node 'c' (conv2d): window of 3 rows does not fit into 2 (padding included)");
}

}  // namespace
}  // namespace mj
