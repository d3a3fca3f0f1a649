// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/io/onnx_cases.h"

#include <functional>

namespace mj {
namespace {

using Dims = std::vector<std::int64_t>;

/// Builds a network from "x" (dims, free batch) to a tensor "t", which is flattened into the output.
OnnxCase flat_case(std::string name, int opset, const Dims& input, const std::function<void(OnnxModel&)>& build) {
  OnnxModel m(opset);
  m.input("x", input);
  build(m);
  m.node("Flatten", {"t"}, {"y"});
  m.output("y");
  return {std::move(name), std::move(m)};
}

void add_windows(std::vector<OnnxCase>& cases) {
  const Dims image{0, 3, 7, 9};
  cases.push_back(flat_case("conv_asymmetric", 13, image, [](OnnxModel& m) {
    m.random("w", {4, 3, 3, 2}).random("b", {4});
    m.node("Conv", {"x", "w", "b"}, {"t"})
        .set("pads", Dims{1, 0, 2, 1})
        .set("strides", Dims{2, 1})
        .set("dilations", Dims{1, 2});
  }));
  cases.push_back(flat_case("conv_groups", 11, {0, 4, 5, 6}, [](OnnxModel& m) {
    m.random("w", {6, 2, 3, 3});
    m.node("Conv", {"x", "w"}, {"t"}).set("group", 2).set("kernel_shape", Dims{3, 3});
  }));
  cases.push_back(flat_case("conv_depthwise", 8, {0, 4, 6, 5}, [](OnnxModel& m) {
    m.random("w", {8, 1, 3, 3}).random("b", {8});
    m.node("Conv", {"x", "w", "b"}, {"t"}).set("group", 4).set("pads", Dims{1, 1, 1, 1});
  }));
  for (const char* mode : {"SAME_UPPER", "SAME_LOWER", "VALID"}) {
    cases.push_back(flat_case(std::string("conv_auto_pad_") + mode, 7, {0, 2, 8, 7}, [&](OnnxModel& m) {
      m.random("w", {3, 2, 4, 3});
      m.node("Conv", {"x", "w"}, {"t"}).set("auto_pad", mode).set("strides", Dims{2, 2});
    }));
  }
  cases.push_back(flat_case("conv_1d", 13, {0, 4, 15}, [](OnnxModel& m) {
    m.random("w", {6, 2, 3}).random("b", {6});
    m.node("Conv", {"x", "w", "b"}, {"c"})
        .set("group", 2)
        .set("dilations", Dims{2})
        .set("pads", Dims{1, 2})
        .set("strides", Dims{2});
    m.node("Relu", {"c"}, {"r"});
    m.node("MaxPool", {"r"}, {"t"}).set("kernel_shape", Dims{2}).set("strides", Dims{2});
  }));
  cases.push_back(flat_case("signal_as_image", 9, {0, 3, 12}, [](OnnxModel& m) {
    m.random("w", {5, 3, 1, 3});
    m.node("Unsqueeze", {"x"}, {"u"}).set("axes", Dims{2});
    m.node("Conv", {"u", "w"}, {"c"}).set("pads", Dims{0, 1, 0, 1});
    m.node("Squeeze", {"c"}, {"s"}).set("axes", Dims{2});
    m.node("Unsqueeze", {"s"}, {"v"}).set("axes", Dims{3});
    m.node("MaxPool", {"v"}, {"p"}).set("kernel_shape", Dims{2, 1}).set("strides", Dims{2, 1});
    m.node("Squeeze", {"p"}, {"t"}).set("axes", Dims{3});
  }));
  for (const int ceil : {0, 1}) {
    const std::string suffix = ceil ? "_ceil" : "";
    cases.push_back(flat_case("max_pool" + suffix, 12, image, [&](OnnxModel& m) {
      m.node("MaxPool", {"x"}, {"t"})
          .set("kernel_shape", Dims{3, 2})
          .set("strides", Dims{2, 2})
          .set("pads", Dims{1, 0, 1, 1})
          .set("ceil_mode", ceil);
    }));
    cases.push_back(flat_case("average_pool" + suffix, 11, image, [&](OnnxModel& m) {
      m.node("AveragePool", {"x"}, {"t"})
          .set("kernel_shape", Dims{3, 3})
          .set("strides", Dims{2, 2})
          .set("pads", Dims{1, 1, 0, 1})
          .set("ceil_mode", ceil);
    }));
  }
  cases.push_back(flat_case("average_pool_counts_padding", 13, image, [](OnnxModel& m) {
    m.node("AveragePool", {"x"}, {"t"})
        .set("kernel_shape", Dims{3, 3})
        .set("pads", Dims{1, 1, 1, 0})
        .set("count_include_pad", 1);
  }));
  cases.push_back(flat_case("average_pool_same", 13, image, [](OnnxModel& m) {
    m.node("AveragePool", {"x"}, {"t"})
        .set("kernel_shape", Dims{2, 3})
        .set("strides", Dims{2, 2})
        .set("auto_pad", "SAME_UPPER");
  }));
  cases.push_back(flat_case("global_pools", 13, image, [](OnnxModel& m) {
    m.node("GlobalAveragePool", {"x"}, {"a"});
    m.node("GlobalMaxPool", {"x"}, {"b"});
    m.node("Concat", {"a", "b"}, {"t"}).set("axis", 1);
  }));
}

void add_elementwise(std::vector<OnnxCase>& cases) {
  const Dims image{0, 3, 4, 5};
  const auto unary = [&](const char* name, int opset, const std::function<void(OnnxModel&)>& build) {
    cases.push_back(flat_case(name, opset, image, build));
  };
  unary("relu", 7, [](OnnxModel& m) { m.node("Relu", {"x"}, {"t"}); });
  unary("leaky_relu", 13, [](OnnxModel& m) { m.node("LeakyRelu", {"x"}, {"t"}).set("alpha", 0.2f); });
  unary("hard_sigmoid", 13, [](OnnxModel& m) { m.node("HardSigmoid", {"x"}, {"t"}).set("alpha", 0.3f); });
  unary("hard_swish", 14, [](OnnxModel& m) { m.node("HardSwish", {"x"}, {"t"}); });
  unary("sigmoid", 13, [](OnnxModel& m) { m.node("Sigmoid", {"x"}, {"t"}); });
  unary("tanh", 13, [](OnnxModel& m) { m.node("Tanh", {"x"}, {"t"}); });
  unary("clip_attributes", 10, [](OnnxModel& m) { m.node("Clip", {"x"}, {"t"}).set("min", -0.5f).set("max", 0.75f); });
  unary("clip_inputs", 13, [](OnnxModel& m) {
    m.floats("high", {}, {0.5f});
    m.node("Clip", {"x", "", "high"}, {"t"});
  });
  unary("min_max", 13, [](OnnxModel& m) {
    m.floats("low", {}, {-0.25f}).floats("high", {}, {0.5f});
    m.node("Max", {"x", "low"}, {"a"});
    m.node("Min", {"high", "a"}, {"t"});
  });
  unary("prelu_channels", 9, [](OnnxModel& m) {
    m.random("slope", {3, 1, 1});
    m.node("PRelu", {"x", "slope"}, {"t"});
  });
  unary("prelu_behind_conv", 16, [](OnnxModel& m) {
    m.random("w", {4, 3, 3, 3}).random("slope", {4, 1, 1});
    m.node("Conv", {"x", "w"}, {"c"});
    m.node("PRelu", {"c", "slope"}, {"t"});
  });
  unary("constants_of_all_shapes", 13, [](OnnxModel& m) {
    m.random("a", {3, 1, 1})
        .random("b", {1, 3, 1, 1})
        .random("c", {5})
        .random("d", {4, 1})
        .random("e", {})
        .random("f", {3, 4, 5});
    m.node("Add", {"x", "a"}, {"1"});
    m.node("Mul", {"b", "1"}, {"2"});
    m.node("Sub", {"2", "c"}, {"3"});
    m.node("Sub", {"d", "3"}, {"4"});
    m.node("Div", {"4", "e"}, {"5"});
    m.node("Neg", {"5"}, {"6"});
    m.node("Add", {"6", "f"}, {"t"});
  });
  unary("squeeze_and_excite", 13, [](OnnxModel& m) {
    m.random("w", {4, 3, 3, 3}).random("w1", {2, 4, 1, 1}).random("w2", {4, 2, 1, 1});
    m.node("Conv", {"x", "w"}, {"c"});
    m.node("GlobalAveragePool", {"c"}, {"g"});
    m.node("Conv", {"g", "w1"}, {"s"});
    m.node("Relu", {"s"}, {"r"});
    m.node("Conv", {"r", "w2"}, {"e"});
    m.node("HardSigmoid", {"e"}, {"h"});
    m.node("Mul", {"c", "h"}, {"t"});
  });
  unary("spatial_attention", 13, [](OnnxModel& m) {
    m.node("ReduceMean", {"x"}, {"a"}).set("axes", Dims{1});
    m.node("Sigmoid", {"a"}, {"s"});
    m.node("Mul", {"s", "x"}, {"t"});
  });
  unary("sum_of_different_layouts", 13, [](OnnxModel& m) {
    m.random("w", {3, 3, 1, 1});
    m.node("Conv", {"x", "w"}, {"c"});
    m.node("Transpose", {"x"}, {"swapped"}).set("perm", Dims{0, 1, 3, 2});
    m.node("Transpose", {"c"}, {"c_swapped"}).set("perm", Dims{0, 1, 3, 2});
    m.node("Sum", {"swapped", "c_swapped"}, {"t"});
  });
  unary("outer_sum", 13, [](OnnxModel& m) {
    m.node("ReduceMean", {"x"}, {"rows"}).set("axes", Dims{3});
    m.node("ReduceMean", {"x"}, {"columns"}).set("axes", Dims{2});
    m.node("Add", {"rows", "columns"}, {"t"});
  });
  for (const int axis : {1, 2, 3, -1}) {
    unary(("softmax_13_axis_" + std::to_string(axis)).c_str(), 13,
          [&](OnnxModel& m) { m.node("Softmax", {"x"}, {"t"}).set("axis", axis); });
    unary(("softmax_11_axis_" + std::to_string(axis)).c_str(), 11,
          [&](OnnxModel& m) { m.node("Softmax", {"x"}, {"t"}).set("axis", axis); });
  }
  unary("batch_norm_after_relu", 9, [](OnnxModel& m) {
    m.random("w", {6, 3, 3, 3}).random("g", {6}).random("b", {6}).random("mean", {6}).positive("var", {6});
    m.node("Conv", {"x", "w"}, {"c"});
    m.node("Relu", {"c"}, {"r"});
    m.node("BatchNormalization", {"r", "g", "b", "mean", "var"}, {"t"}).set("epsilon", 1e-3f);
  });
  unary("batch_norm_of_flattened", 15, [](OnnxModel& m) {
    m.random("g", {60}).random("b", {60}).random("mean", {60}).positive("var", {60});
    m.node("Flatten", {"x"}, {"f"});
    m.node("BatchNormalization", {"f", "g", "b", "mean", "var"}, {"t"});
  });
  cases.push_back(flat_case("batch_norm_1d", 13, {0, 4, 7}, [](OnnxModel& m) {
    m.random("g", {4}).random("b", {4}).random("mean", {4}).positive("var", {4});
    m.node("BatchNormalization", {"x", "g", "b", "mean", "var"}, {"t"});
  }));
}

void add_linear(std::vector<OnnxCase>& cases) {
  cases.push_back(flat_case("gemm_transposed", 13, {0, 12}, [](OnnxModel& m) {
    m.random("w", {5, 12}).random("b", {5});
    m.node("Gemm", {"x", "w", "b"}, {"t"}).set("transB", 1);
  }));
  cases.push_back(flat_case("gemm_factors", 9, {0, 12}, [](OnnxModel& m) {
    m.random("w", {12, 5}).random("b", {1, 5});
    m.node("Gemm", {"x", "w", "b"}, {"t"}).set("alpha", 0.5f).set("beta", 2.0f);
  }));
  cases.push_back(flat_case("gemm_scalar_bias", 13, {0, 12}, [](OnnxModel& m) {
    m.random("w", {12, 5}).random("b", {});
    m.node("Gemm", {"x", "w", "b"}, {"t"});
  }));
  cases.push_back(flat_case("flatten_gemm", 13, {0, 3, 4, 5}, [](OnnxModel& m) {
    m.random("w", {6, 3, 3, 3}).random("fc", {7, 36}).random("b", {7});
    m.node("Conv", {"x", "w"}, {"c"});
    m.node("Flatten", {"c"}, {"f"});
    m.node("Relu", {"f"}, {"r"});
    m.node("Gemm", {"r", "fc", "b"}, {"t"}).set("transB", 1);
  }));
  cases.push_back(flat_case("matmul_add", 13, {0, 3, 4, 5}, [](OnnxModel& m) {
    m.integers("shape", {0, -1}).random("w", {60, 4}).random("b", {4});
    m.node("Reshape", {"x", "shape"}, {"f"});
    m.node("MatMul", {"f", "w"}, {"p"});
    m.node("Add", {"b", "p"}, {"t"});
  }));
  cases.push_back(flat_case("matmul_over_time", 13, {0, 4, 6}, [](OnnxModel& m) {
    m.random("w", {4, 3}).random("b", {3});
    m.node("Transpose", {"x"}, {"time_major"}).set("perm", Dims{0, 2, 1});
    m.node("MatMul", {"time_major", "w"}, {"p"});
    m.node("Add", {"p", "b"}, {"s"});
    m.node("Softmax", {"s"}, {"t"});
  }));
  cases.push_back(flat_case("matmul_of_image", 13, {0, 3, 4, 5}, [](OnnxModel& m) {
    m.random("w", {1, 1, 5, 6});
    m.node("MatMul", {"x", "w"}, {"t"});
  }));
}

void add_shapes(std::vector<OnnxCase>& cases) {
  const Dims image{0, 4, 5, 6};
  cases.push_back(flat_case("channel_shuffle", 13, image, [](OnnxModel& m) {
    m.random("w", {4, 2, 1, 1})
        .random("w2", {4, 2, 3, 3})
        .integers("split", {0, 2, 2, 5, 6})
        .integers("join", {0, 4, 5, 6});
    m.node("Conv", {"x", "w"}, {"c"}).set("group", 2);
    m.node("Reshape", {"c", "split"}, {"s"});
    m.node("Transpose", {"s"}, {"p"}).set("perm", Dims{0, 2, 1, 3, 4});
    m.node("Reshape", {"p", "join"}, {"j"});
    m.node("Conv", {"j", "w2"}, {"t"}).set("group", 2);
  }));
  cases.push_back(flat_case("reshape_across_dimensions", 13, image, [](OnnxModel& m) {
    m.random("w", {4, 4, 1, 1}).integers("odd", {0, 8, 15}).random("fc", {15, 2});
    m.node("Conv", {"x", "w"}, {"c"});
    m.node("Reshape", {"c", "odd"}, {"r"});
    m.node("MatMul", {"r", "fc"}, {"t"});
  }));
  cases.push_back(flat_case("vector_to_image", 13, {0, 24}, [](OnnxModel& m) {
    m.integers("shape", {-1, 2, 3, 4}).random("w", {3, 2, 2, 2});
    m.node("Reshape", {"x", "shape"}, {"i"});
    m.node("Conv", {"i", "w"}, {"t"});
  }));
  cases.push_back(flat_case("nhwc_input", 9, {0, 6, 7, 3}, [](OnnxModel& m) {
    m.random("w", {4, 3, 3, 3});
    m.node("Transpose", {"x"}, {"nchw"}).set("perm", Dims{0, 3, 1, 2});
    m.node("Conv", {"nchw", "w"}, {"c"});
    m.node("Transpose", {"c"}, {"nhwc"}).set("perm", Dims{0, 2, 3, 1});
    m.node("Relu", {"nhwc"}, {"t"});
  }));
  for (const int axis : {1, 2, 3}) {
    cases.push_back(flat_case("concat_axis_" + std::to_string(axis), 13, image, [&](OnnxModel& m) {
      m.random("w", {4, 4, 1, 1});
      m.node("Conv", {"x", "w"}, {"c"});
      m.node("Concat", {"c", "x"}, {"t"}).set("axis", axis);
    }));
  }
  cases.push_back(flat_case("concat_of_flattened", 13, image, [](OnnxModel& m) {
    m.random("w", {2, 4, 3, 3}).random("fc", {24 + 4, 3});
    m.node("Conv", {"x", "w"}, {"c"});
    m.node("Flatten", {"c"}, {"f"});
    m.node("GlobalAveragePool", {"x"}, {"g"});
    m.node("Flatten", {"g"}, {"h"});
    m.node("Concat", {"f", "h"}, {"j"}).set("axis", -1);
    m.node("Gemm", {"j", "fc"}, {"t"});
  }));
  cases.push_back(flat_case("pad_old", 7, image, [](OnnxModel& m) {
    m.node("Pad", {"x"}, {"t"}).set("pads", Dims{0, 1, 2, 0, 0, 0, 1, 3}).set("value", 1.5f);
  }));
  cases.push_back(flat_case("pad_new", 18, image, [](OnnxModel& m) {
    m.integers("pads", {1, 2, 0, 1}).integers("axes", {3, -3}).floats("value", {}, {-0.5f});
    m.node("Pad", {"x", "pads", "value", "axes"}, {"t"});
  }));
  cases.push_back(flat_case("slice_steps", 13, image, [](OnnxModel& m) {
    m.integers("starts", {-3, 1})
        .integers("ends", {9223372036854775807, -1})
        .integers("axes", {2, 3})
        .integers("steps", {2, 3});
    m.node("Slice", {"x", "starts", "ends", "axes", "steps"}, {"t"});
  }));
  cases.push_back(flat_case("slice_attributes", 9, image, [](OnnxModel& m) {
    m.node("Slice", {"x"}, {"t"}).set("starts", Dims{1}).set("ends", Dims{100}).set("axes", Dims{1});
  }));
  cases.push_back(flat_case("split_parts", 11, image, [](OnnxModel& m) {
    m.node("Split", {"x"}, {"a", "b"}).set("axis", 1).set("split", Dims{1, 3});
    m.node("Concat", {"b", "a"}, {"t"}).set("axis", 1);
  }));
  cases.push_back(flat_case("split_equal", 18, image, [](OnnxModel& m) {
    m.node("Split", {"x"}, {"a", "b"}).set("axis", 3).set("num_outputs", 2);
    m.node("Sub", {"b", "a"}, {"t"});
  }));
  cases.push_back(flat_case("reduce_mean_input", 18, image, [](OnnxModel& m) {
    m.integers("axes", {-1, 2});
    m.node("ReduceMean", {"x", "axes"}, {"t"}).set("keepdims", 0);
  }));
  cases.push_back(flat_case("reduce_mean_channels", 13, image, [](OnnxModel& m) {
    m.random("w", {4, 4, 1, 1});
    m.node("Conv", {"x", "w"}, {"c"});
    m.node("ReduceMean", {"c"}, {"t"}).set("axes", Dims{1}).set("keepdims", 0);
  }));
  cases.push_back(flat_case("shape_arithmetic", 11, image, [](OnnxModel& m) {
    m.integers("zero", {0}).integers("minus", {-1}).integers("two", {2});
    m.node("Shape", {"x"}, {"shape"});
    m.node("Gather", {"shape", "zero"}, {"n"}).set("axis", 0);
    m.node("Gather", {"shape", "two"}, {"h"});
    m.node("Mul", {"h", "two"}, {"h2"});
    m.node("Div", {"h2", "two"}, {"h3"});
    m.node("Concat", {"n", "h3", "minus"}, {"target"}).set("axis", 0);
    m.node("Cast", {"target"}, {"target_int"}).set("to", 7);
    m.node("Reshape", {"x", "target_int"}, {"r"});
    m.node("Squeeze", {"r"}, {"t"});
  }));
  cases.push_back(flat_case("identities", 13, image, [](OnnxModel& m) {
    auto constant = m.node("Constant", {}, {"k"});
    auto& tensor = *constant.add("value", mj_onnx::AttributeProto::TENSOR).mutable_t();
    tensor.set_data_type(1);
    tensor.add_dims(1);
    tensor.add_float_data(0.25f);
    m.node("Identity", {"x"}, {"a"});
    m.node("Dropout", {"a"}, {"b"});
    m.node("Add", {"b", "k"}, {"c"});
    m.node("Cast", {"c"}, {"t"}).set("to", 1);
  }));
  cases.push_back(flat_case("fixed_batch", 13, {2, 3, 4, 5}, [](OnnxModel& m) {
    m.random("w", {4, 3, 3, 3}).integers("shape", {2, 24}).random("fc", {24, 3});
    m.node("Conv", {"x", "w"}, {"c"});
    m.node("Reshape", {"c", "shape"}, {"r"});
    m.node("MatMul", {"r", "fc"}, {"t"});
  }));
  cases.push_back(flat_case("residual_nodes_out_of_order", 13, image, [](OnnxModel& m) {
    m.random("w", {4, 4, 3, 3}).random("g", {4}).random("b", {4}).random("mean", {4}).positive("var", {4});
    m.node("Relu", {"s"}, {"t"});
    m.node("Add", {"n", "x"}, {"s"});
    m.node("BatchNormalization", {"c", "g", "b", "mean", "var"}, {"n"});
    m.node("Conv", {"x", "w"}, {"c"}).set("pads", Dims{1, 1, 1, 1});
  }));
}

/// Scales and zero points for QuantizeLinear and DequantizeLinear of `name`.
void quantization(OnnxModel& m, const std::string& name, float scale, int zero_point, bool is_unsigned) {
  m.floats(name + "_scale", {}, {scale});
  if (is_unsigned) {
    m.tensor(name + "_zero", {}, std::vector<std::uint8_t>{static_cast<std::uint8_t>(zero_point + 128)}, 2);
  } else {
    m.tensor(name + "_zero", {}, std::vector<std::int8_t>{static_cast<std::int8_t>(zero_point)}, 3);
  }
}

void pair(OnnxModel& m, const std::string& from, const std::string& to, float scale, int zero_point, bool is_unsigned) {
  quantization(m, to, scale, zero_point, is_unsigned);
  m.node("QuantizeLinear", {from, to + "_scale", to + "_zero"}, {to + "_q"});
  m.node("DequantizeLinear", {to + "_q", to + "_scale", to + "_zero"}, {to});
}

/// Random int8 weights with one scale per output channel and a bias on the accumulators' scale.
void weights(OnnxModel& m, const std::string& name, const Dims& dims, float input_scale, int axis) {
  RandomStream stream(11, static_cast<std::uint64_t>(m.proto.graph().initializer_size()));
  std::int64_t count = 1;
  for (std::int64_t d : dims) count *= d;
  std::vector<std::int8_t> elements(static_cast<std::size_t>(count));
  for (auto& e : elements) e = static_cast<std::int8_t>(static_cast<int>(stream.below(255)) - 127);
  const std::int64_t channels = dims[static_cast<std::size_t>(axis)];
  std::vector<float> scales, bias_scales;
  std::vector<std::int32_t> bias;
  for (std::int64_t c = 0; c < channels; ++c) {
    scales.push_back(0.004f + 0.001f * static_cast<float>(c));
    bias_scales.push_back(input_scale * scales.back());
    bias.push_back(static_cast<std::int32_t>(stream.below(2000)) - 1000);
  }
  m.tensor(name + "_q", dims, elements, 3);
  m.floats(name + "_scale", {channels}, scales);
  m.tensor(name + "_zero", {channels}, std::vector<std::int8_t>(static_cast<std::size_t>(channels), 0), 3);
  m.tensor(name + "_bias_q", {channels}, bias, 6);
  m.floats(name + "_bias_scale", {channels}, bias_scales);
  m.tensor(name + "_bias_zero", {channels}, std::vector<std::int32_t>(static_cast<std::size_t>(channels), 0), 6);
  m.node("DequantizeLinear", {name + "_q", name + "_scale", name + "_zero"}, {name}).set("axis", axis);
  m.node("DequantizeLinear", {name + "_bias_q", name + "_bias_scale", name + "_bias_zero"}, {name + "_bias"})
      .set("axis", 0);
}

void add_quantized(std::vector<OnnxCase>& cases) {
  for (const bool is_unsigned : {false, true}) {
    const std::string suffix = is_unsigned ? "_uint8" : "_int8";
    const auto quantized = [&](const std::string& name, const Dims& input, double steps,
                               const std::function<void(OnnxModel&)>& build) {
      OnnxModel m(13);
      m.input("x", input);
      pair(m, "x", "a", 0.02f, -3, is_unsigned);
      build(m);
      m.node("Flatten", {"t"}, {"y"});
      m.output("y");
      cases.push_back({name + suffix, std::move(m), steps});
    };
    const Dims image{0, 3, 6, 7};
    quantized("qdq_conv_relu", image, 1, [&](OnnxModel& m) {
      weights(m, "w", {4, 3, 3, 3}, 0.02f, 0);
      m.node("Conv", {"a", "w", "w_bias"}, {"c"}).set("pads", Dims{1, 1, 1, 1});
      m.node("Relu", {"c"}, {"r"});
      pair(m, "r", "t", 0.03f, -128, is_unsigned);
    });
    quantized("qdq_depthwise_clip", image, 1, [&](OnnxModel& m) {
      weights(m, "w", {3, 1, 3, 3}, 0.02f, 0);
      m.floats("low", {}, {0.0f}).floats("high", {}, {6.0f});
      m.node("Conv", {"a", "w", "w_bias"}, {"c"}).set("group", 3);
      m.node("Clip", {"c", "low", "high"}, {"r"});
      pair(m, "r", "t", 6.0f / 255, -128, is_unsigned);
    });
    quantized("qdq_gemm", {0, 20}, 1, [&](OnnxModel& m) {
      weights(m, "w", {5, 20}, 0.02f, 0);
      m.node("Gemm", {"a", "w", "w_bias"}, {"c"}).set("transB", 1);
      pair(m, "c", "t", 0.05f, 4, is_unsigned);
    });
    quantized("qdq_matmul", {0, 20}, 1, [&](OnnxModel& m) {
      weights(m, "w", {20, 5}, 0.02f, 1);
      m.node("MatMul", {"a", "w"}, {"c"});
      pair(m, "c", "t", 0.05f, 4, is_unsigned);
    });
    quantized("qdq_residual", image, 2, [&](OnnxModel& m) {
      weights(m, "w", {3, 3, 3, 3}, 0.02f, 0);
      m.node("Conv", {"a", "w", "w_bias"}, {"c"}).set("pads", Dims{1, 1, 1, 1});
      pair(m, "c", "d", 0.03f, 2, is_unsigned);
      m.node("Add", {"d", "a"}, {"s"});
      m.node("Relu", {"s"}, {"r"});
      pair(m, "r", "t", 0.025f, -128, is_unsigned);
    });
    quantized("qdq_moves", image, 0.001, [&](OnnxModel& m) {
      m.node("MaxPool", {"a"}, {"p"}).set("kernel_shape", Dims{2, 2}).set("strides", Dims{2, 2});
      pair(m, "p", "q", 0.02f, -3, is_unsigned);
      m.node("Concat", {"q", "q"}, {"t"}).set("axis", 1);
    });
    quantized("qdq_concat_of_two_scales", image, 1, [&](OnnxModel& m) {
      weights(m, "w", {4, 3, 1, 1}, 0.02f, 0);
      m.node("Conv", {"a", "w", "w_bias"}, {"c"});
      pair(m, "c", "d", 0.03f, 2, is_unsigned);
      m.node("Concat", {"d", "a"}, {"j"}).set("axis", 1);
      pair(m, "j", "t", 0.04f, 0, is_unsigned);
    });
    quantized("qdq_classifier", image, 3, [&](OnnxModel& m) {
      weights(m, "w", {4, 3, 3, 3}, 0.02f, 0);
      m.node("Conv", {"a", "w", "w_bias"}, {"c"});
      m.node("Relu", {"c"}, {"r"});
      pair(m, "r", "d", 0.03f, -128, is_unsigned);
      m.node("GlobalAveragePool", {"d"}, {"g"});
      pair(m, "g", "h", 0.015f, -128, is_unsigned);
      m.node("Flatten", {"h"}, {"f"});
      weights(m, "fc", {5, 4}, 0.015f, 0);
      m.node("Gemm", {"f", "fc", "fc_bias"}, {"l"}).set("transB", 1);
      pair(m, "l", "t", 0.02f, 0, is_unsigned);
    });
  }
}

}  // namespace

std::vector<OnnxCase> onnx_cases() {
  std::vector<OnnxCase> cases;
  add_windows(cases);
  add_elementwise(cases);
  add_linear(cases);
  add_shapes(cases);
  add_quantized(cases);
  return cases;
}

}  // namespace mj
