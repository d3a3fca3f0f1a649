// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/factorise.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

#include "mj/base/error.h"
#include "mj/pass/channel_affine.h"

namespace mj {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr int kFactorSweeps = 3;

/// The `rank` leading left singular vectors of a matrix, from the eigenvectors of A A^T.
Matrix leading(const Matrix& a, std::int64_t rank) {
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(a * a.transpose());
  Matrix vectors = solver.eigenvectors().rightCols(rank).rowwise().reverse();
  // The sign of an eigenvector is free: its largest entry is positive, so that every machine gives the same.
  for (Eigen::Index c = 0; c < vectors.cols(); ++c) {
    Eigen::Index largest = 0;
    vectors.col(c).cwiseAbs().maxCoeff(&largest);
    if (vectors(largest, c) < 0) vectors.col(c) *= -1;
  }
  return vectors;
}

Factor factor_of(const Matrix& matrix, Shape shape) {
  Factor factor{std::move(shape), {}};
  factor.elements.reserve(static_cast<std::size_t>(matrix.size()));
  for (Eigen::Index i = 0; i < matrix.size(); ++i) factor.elements.push_back(static_cast<float>(matrix.data()[i]));
  return factor;
}

Matrix matrix_of(std::span<const float> elements, std::int64_t rows, std::int64_t columns) {
  Matrix matrix(rows, columns);
  std::copy(elements.begin(), elements.end(), matrix.data());
  return matrix;
}

std::vector<Factor> linear_factors(std::span<const float> weight, const Shape& shape, std::int64_t rank) {
  const Matrix w = matrix_of(weight, shape[0], shape[1]);
  const Matrix u = leading(w, rank);
  Matrix v = u.transpose() * w;  // {r,I}, rows of the size of the singular values
  Matrix scaled = u;
  for (Eigen::Index r = 0; r < v.rows(); ++r) {
    const double root = std::sqrt(std::max(v.row(r).norm(), 1e-30));
    v.row(r) /= root;
    scaled.col(r) *= root;
  }
  return {factor_of(scaled, {shape[0], rank}), factor_of(v, {rank, shape[1]})};
}

/// {O, k, I} as {I, O * k} and {O, k * I} unfoldings.
Matrix unfold_inputs(const Matrix& w, std::int64_t inputs) {  // w {O, k * I}
  const std::int64_t kernel = w.cols() / inputs;
  Matrix out(inputs, w.rows() * kernel);
  for (Eigen::Index o = 0; o < w.rows(); ++o) {
    for (std::int64_t k = 0; k < kernel; ++k) {
      for (std::int64_t i = 0; i < inputs; ++i) out(i, o * kernel + k) = w(o, k * inputs + i);
    }
  }
  return out;
}

/// Multiplies the input dimension of w {O, k * I} by basis^T: {O, k * r}.
Matrix project_inputs(const Matrix& w, const Matrix& basis) {
  const std::int64_t inputs = basis.rows(), kernel = w.cols() / inputs;
  Matrix out(w.rows(), kernel * basis.cols());
  for (std::int64_t k = 0; k < kernel; ++k) {
    out.middleCols(k * basis.cols(), basis.cols()) = w.middleCols(k * inputs, inputs) * basis;
  }
  return out;
}

/// How far each of some channels between two factors, of this size in the core, moves out of it: half of what it differs
/// from the others, on a logarithmic scale. Rounding with one step for a whole factor spoils neither side more then, and it
/// is where weight decay leads (Arora et al., ICML 2018).
std::vector<double> moved(const std::vector<double>& sizes) {
  const double largest = std::max(*std::max_element(sizes.begin(), sizes.end()), 1e-30);
  std::vector<double> out;
  double logarithms = 0;
  for (const double size : sizes) {
    out.push_back(std::sqrt(std::max(size / largest, 1e-3)));
    logarithms += std::log(out.back());
  }
  for (double& factor : out) factor /= std::exp(logarithms / static_cast<double>(sizes.size()));
  return out;
}

/// The scale of a channel between two linear factors is free.
void balance(Matrix& out, Matrix& core, Matrix& in) {
  std::vector<double> sizes;
  for (Eigen::Index r = 0; r < core.rows(); ++r) sizes.push_back(core.row(r).norm());
  std::vector<double> factors = moved(sizes);
  for (Eigen::Index r = 0; r < core.rows(); ++r) {
    core.row(r) /= factors[static_cast<std::size_t>(r)];
    out.col(r) *= factors[static_cast<std::size_t>(r)];
  }
  sizes.assign(static_cast<std::size_t>(in.cols()), 0);
  for (Eigen::Index c = 0; c < core.cols(); ++c) sizes[static_cast<std::size_t>(c % in.cols())] += core.col(c).squaredNorm();
  for (double& size : sizes) size = std::sqrt(size);
  factors = moved(sizes);
  for (Eigen::Index c = 0; c < core.cols(); ++c) core.col(c) /= factors[static_cast<std::size_t>(c % in.cols())];
  for (Eigen::Index i = 0; i < in.cols(); ++i) in.col(i) *= factors[static_cast<std::size_t>(i)];
}

std::vector<Factor> conv_factors(std::span<const float> weight, const Shape& shape, const Ranks& ranks) {
  const std::int64_t outputs = shape[0], inputs = shape[3], kernel = shape[1] * shape[2];
  const Matrix w = matrix_of(weight, outputs, kernel * inputs);
  Matrix in = leading(unfold_inputs(w, inputs), ranks.in);  // {I, r1}
  Matrix out = leading(w, ranks.out);                       // {O, r2}
  for (int sweep = 0; sweep < kFactorSweeps; ++sweep) {
    out = leading(project_inputs(w, in), ranks.out);
    in = leading(unfold_inputs(out.transpose() * w, inputs), ranks.in);
  }
  Matrix core = project_inputs(out.transpose() * w, in);  // {r2, k * r1}
  balance(out, core, in);
  // Balanced: every factor has entries of the same typical size, which suits training and rounding.
  const double size = core.norm() / std::sqrt(static_cast<double>(core.size()));
  const double out_size = 1 / std::sqrt(static_cast<double>(outputs)), in_size = 1 / std::sqrt(static_cast<double>(inputs));
  const double typical = std::cbrt(std::max(size, 1e-30) * out_size * in_size);
  return {factor_of(out * (typical / out_size), {outputs, 1, 1, ranks.out}),
          factor_of(core * (typical / std::max(size, 1e-30)), {ranks.out, shape[1], shape[2], ranks.in}),
          factor_of((in * (typical / in_size)).transpose(), {ranks.in, 1, 1, inputs})};
}

}  // namespace

bool factors_are_smaller(const Shape& weight, const Ranks& ranks) {
  if (weight.size() == 2) return ranks.in * (weight[0] + weight[1]) < weight[0] * weight[1];
  const std::int64_t kernel = weight[1] * weight[2];
  return weight[3] * ranks.in + kernel * ranks.in * ranks.out + ranks.out * weight[0] < kernel * weight[3] * weight[0];
}

std::vector<Factor> factors_of(std::span<const float> weight, const Shape& shape, const Ranks& ranks) {
  MJ_CHECK(shape.size() == 2 || shape.size() == 4);
  MJ_CHECK(static_cast<std::int64_t>(weight.size()) == element_count(shape));
  const std::int64_t most_in = shape.size() == 2 ? std::min(shape[0], shape[1]) : shape[3];
  if (ranks.in < 1 || ranks.in > most_in) fail("rank {} of a weight {}; expected 1 to {}", ranks.in, shape_text(shape), most_in);
  if (shape.size() == 2) return linear_factors(weight, shape, ranks.in);
  if (ranks.out < 1 || ranks.out > shape[0]) {
    fail("output rank {} of a weight {}; expected 1 to {}", ranks.out, shape_text(shape), shape[0]);
  }
  return conv_factors(weight, shape, ranks);
}

std::vector<float> product_of(std::span<const Factor> factors) {
  const auto as_matrix = [](const Factor& factor) {
    return matrix_of(factor.elements, factor.shape[0], element_count(factor.shape) / factor.shape[0]);
  };
  Matrix product;
  if (factors.size() == 2) {
    product = as_matrix(factors[0]) * as_matrix(factors[1]);
  } else {
    MJ_CHECK(factors.size() == 3);
    const Matrix in = as_matrix(factors[2]);  // {r1, I}
    product = project_inputs(as_matrix(factors[0]) * as_matrix(factors[1]), in);
  }
  std::vector<float> out(static_cast<std::size_t>(product.size()));
  std::transform(product.data(), product.data() + product.size(), out.begin(), [](double x) { return static_cast<float>(x); });
  return out;
}

Graph factorise(const Graph& graph, const std::string& name, const Ranks& ranks) {
  const auto found = std::ranges::find(graph.nodes, name, &Node::name);
  if (found == graph.nodes.end()) fail("there is no node '{}' to factorise", name);
  Graph result = graph;
  result.plan.reset();
  result.nodes.clear();
  for (const Node& node : graph.nodes) {
    if (&node != &*found) {
      result.nodes.push_back(node);
      continue;
    }
    const auto* conv = std::get_if<Conv2d>(&node.op);
    if (!std::holds_alternative<Linear>(node.op) && !(conv && conv->groups == 1)) {
      fail("{}: has no factors; expected a linear layer or a convolution without groups", describe(node));
    }
    const Value weight = graph.value(node.inputs[1]);
    if (!weight.constant()) fail("{}: its weight is computed; expected a constant", describe(node));
    const std::vector<Factor> factors = factors_of(reals(weight), weight.type.shape, ranks);
    std::vector<ValueId> ids;
    const char* const endings2[] = {".out", ".in"};
    const char* const endings3[] = {".out", ".core", ".in"};
    for (std::size_t i = 0; i < factors.size(); ++i) {
      ids.push_back(result.add_constant(weight.name + (factors.size() == 2 ? endings2[i] : endings3[i]), factors[i].shape,
                                        factors[i].elements));
      result.value(ids.back()).encoding = {weight.encoding.layout, weight.encoding.bits, i > 0 || weight.encoding.per_tensor};
    }
    Node last = node;
    ValueId x = node.inputs[0];
    if (conv) {
      x = result.add_node(name + ".in", Conv2d{}, {x, ids[2]});
      Conv2d core = *conv;
      core.clamp = {};
      x = result.add_node(name + ".core", core, {x, ids[1]});
      last.op = Conv2d{.clamp = conv->clamp};
    } else {
      x = result.add_node(name + ".in", Linear{}, {x, ids[1]});
    }
    last.inputs[0] = x;
    last.inputs[1] = ids[0];
    result.nodes.push_back(last);
  }
  return compact(std::move(result));
}

}  // namespace mj
