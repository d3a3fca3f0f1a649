// SPDX-License-Identifier: Apache-2.0

// Sums, products and functions of one element.
#include <fmt/format.h>

#include "mj/emit/layer.h"

namespace mj {
namespace {

struct Operands {
  Affine a, b, y;
  std::string loops;  ///< the nested initialiser of an mj_loops
  std::int64_t rows;

  explicit Operands(const Layer& layer)
      : a(int8_affine(layer.input(0), "first input")),
        b(int8_affine(layer.input(1), "second input")),
        y(int8_affine(layer.output(), "output")) {
    const Shape& shape = layer.output().shape;
    // The output's own steps keep its loops from merging past what is contiguous.
    const Loops merged = merge_loops(shape, {broadcast_steps(layer.input(0).shape, shape),
                                             broadcast_steps(layer.input(1).shape, shape), row_major_steps(shape)});
    loops = fmt::format("{{{}, {}, {}}}", braces(merged.size), braces(merged.steps[0]), braces(merged.steps[1]));
    rows = merged.size[0];
  }
};

void print_sum(Layer& layer, const Operands& operands, const SumFactors& factors, const Range& clamp,
               const char* function) {
  const std::string sum = layer.define("mj_sum", {{"loops", operands.loops},
                                                  {"a_zero", std::to_string(operands.a.zero_point)},
                                                  {"b_zero", std::to_string(operands.b.zero_point)},
                                                  {"a_multiplier", std::to_string(factors.a.multiplier)},
                                                  {"b_multiplier", std::to_string(factors.b.multiplier)},
                                                  {"out_multiplier", std::to_string(factors.output.multiplier)},
                                                  {"a_shift", std::to_string(factors.a.shift)},
                                                  {"b_shift", std::to_string(factors.b.shift)},
                                                  {"out_shift", std::to_string(factors.output.shift)},
                                                  {"out", output_text(operands.y, int8_limits(clamp, operands.y))}});
  layer.call(function, "mj_sum.c", {operands.rows},
             {"&" + sum, kTile, layer.operand(0), layer.operand(1), layer.result()});
}

template <class Function>
void print_table(const Function& op, Layer& layer) {
  const Int8Table table = int8_table(op, int8_affine(layer.input(0), "input"), int8_affine(layer.output(), "output"),
                                     Rounding::kDouble);
  const std::string name = layer.define_array<std::int8_t>("int8_t", "table", table);
  const Shape& shape = layer.output().shape;
  const Loops loops = merge_loops(shape, {row_major_steps(shape)});
  layer.call("mj_table", "mj_table.c", {loops.size[0]},
             {std::to_string(layer.output().count() / loops.size[0]), kTile, layer.operand(0), layer.result(), name});
}

}  // namespace

void print_op(const Add& op, Layer& layer) {
  const Operands operands(layer);
  print_sum(layer, operands, add_factors(operands.a, operands.b, operands.y), op.clamp, "mj_add");
}

void print_op(const Sub& op, Layer& layer) {
  const Operands operands(layer);
  print_sum(layer, operands, sub_factors(operands.a, operands.b, operands.y), op.clamp, "mj_subtract");
}

void print_op(const Mul& op, Layer& layer) {
  const Operands operands(layer);
  const FixedPoint factor = mul_factor(operands.a, operands.b, operands.y);
  const std::string product =
      layer.define("mj_product", {{"loops", operands.loops},
                                  {"a_zero", std::to_string(operands.a.zero_point)},
                                  {"b_zero", std::to_string(operands.b.zero_point)},
                                  {"multiplier", std::to_string(factor.multiplier)},
                                  {"shift", std::to_string(factor.shift)},
                                  {"out", output_text(operands.y, int8_limits(op.clamp, operands.y))}});
  layer.call("mj_multiply", "mj_multiply.c", {operands.rows},
             {"&" + product, kTile, layer.operand(0), layer.operand(1), layer.result()});
}

void print_op(const PRelu&, Layer& layer) {
  const Operands operands(layer);
  const PReluFactors factors = prelu_factors(operands.a, operands.b, operands.y);
  const std::string slope = layer.define("mj_slope", {{"loops", operands.loops},
                                                      {"a_zero", std::to_string(operands.a.zero_point)},
                                                      {"b_zero", std::to_string(operands.b.zero_point)},
                                                      {"multiplier", std::to_string(factors.positive.multiplier)},
                                                      {"negative_multiplier", std::to_string(factors.negative.multiplier)},
                                                      {"shift", std::to_string(factors.positive.shift)},
                                                      {"negative_shift", std::to_string(factors.negative.shift)},
                                                      {"out", output_text(operands.y, {})}});
  layer.call("mj_prelu", "mj_prelu.c", {operands.rows},
             {"&" + slope, kTile, layer.operand(0), layer.operand(1), layer.result()});
}

void print_op(const Clamp& op, Layer& layer) { print_table(op, layer); }
void print_op(const LeakyRelu& op, Layer& layer) { print_table(op, layer); }
void print_op(const HardSigmoid& op, Layer& layer) { print_table(op, layer); }
void print_op(const HardSwish& op, Layer& layer) { print_table(op, layer); }
void print_op(const Sigmoid& op, Layer& layer) { print_table(op, layer); }
void print_op(const Tanh& op, Layer& layer) { print_table(op, layer); }
void print_op(const Quantize& op, Layer& layer) { print_table(op, layer); }

}  // namespace mj
