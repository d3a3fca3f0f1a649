// SPDX-License-Identifier: Apache-2.0
// Writes the seeds of the fuzz targets whose files are not written by hand; files that are there already (finds) stay.
#include <cstdio>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/npy.h"
#include "mj/ir/text.h"
#include "onnx_cases.h"
#include "random_graph.h"
#include "tflite_file.h"

namespace mj {
namespace {

using Type = TfliteFile::Type;
using Code = TfliteFile::Code;

// Short seeds mutate better, and a repository is no place for large ones.
constexpr std::size_t kLongestSeed = 1600;

void write_seed(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  if (bytes.size() <= kLongestSeed) write_file(path, bytes);
}

void write_onnx_seeds(const std::filesystem::path& folder) {
  for (const OnnxCase& c : onnx_cases()) write_seed(folder / (c.name + ".onnx"), c.model.bytes());
}

void write_text_seeds(const std::filesystem::path& folder) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    std::map<std::string, Constant> blobs;
    const std::string text = print_text(random_graph(seed), &blobs);
    if (blobs.empty()) write_seed(folder / fmt::format("random_{}.txt", seed), std::as_bytes(std::span(text)));
  }
}

void write_npy_seeds(const std::filesystem::path& folder) {
  const std::vector<float> reals{1, -2.5f, 1e9f, 0};
  const std::vector<std::int8_t> bytes{1, -2, 3, -128, 127, 0};
  write_npy(folder / "reals.npy", npy_of(reals, {2, 2}));
  write_npy(folder / "bytes.npy", npy_of(bytes, {3, 2, 1}));
  write_npy(folder / "scalar.npy", npy_of(std::span(reals).first(1), {}));
  write_npy(folder / "nothing.npy", npy_of(std::span<const float>(), {0, 3}));
}

/// One operator between an input and an output.
struct OneOperator {
  const char* name;
  Code code;
  std::vector<std::int32_t> x, y;
};

TfliteFile image_network(bool integer) {
  TfliteFile file;
  const Type type = integer ? Type::INT8 : Type::FLOAT32;
  const auto quant = [&](float scale, std::int64_t zero) {
    return integer ? TfliteFile::Quant{{scale}, {zero}} : TfliteFile::Quant{};
  };
  const int x = file.tensor("x", type, {1, 4, 4, 2}, quant(0.1f, -7));
  const int c = file.tensor("c", type, {1, 2, 2, 3}, quant(0.05f, -128));
  const int p = file.tensor("p", type, {1, 1, 1, 3}, quant(0.05f, -128));
  const int f = file.tensor("f", type, {1, 3}, quant(0.05f, -128));
  const int l = file.tensor("l", type, {1, 2}, quant(0.2f, 3));
  const int y = file.tensor("y", type, {1, 2}, quant(1.0f / 256, -128));
  const auto weight = [&](const char* name, const std::vector<std::int32_t>& dims, std::size_t count) {
    if (!integer) return file.floats(name, dims, std::vector<float>(count, 0.25f));
    return file.constant<std::int8_t>(name, Type::INT8, dims, std::vector<std::int8_t>(count, 9), {{0.02f}, {0}});
  };
  mj_tflite::Conv2DOptionsT conv;
  conv.stride_h = conv.stride_w = 2;
  conv.padding = mj_tflite::Padding::SAME;
  conv.fused_activation_function = mj_tflite::ActivationFunctionType::RELU;
  file.op(Code::CONV_2D, {x, weight("w", {3, 3, 3, 2}, 54)}, {c}, conv);
  mj_tflite::Pool2DOptionsT pool;
  pool.stride_h = pool.stride_w = pool.filter_height = pool.filter_width = 2;
  file.op(Code::AVERAGE_POOL_2D, {c}, {p}, pool);
  file.op(Code::RESHAPE, {p, file.ints("shape", {1, 3})}, {f}, mj_tflite::ReshapeOptionsT{});
  file.op(Code::FULLY_CONNECTED, {f, weight("fc", {2, 3}, 6)}, {l}, mj_tflite::FullyConnectedOptionsT{});
  mj_tflite::SoftmaxOptionsT softmax;
  softmax.beta = 1;
  file.op(Code::SOFTMAX, {l}, {y}, softmax);
  file.outputs({y});
  return file;
}

void write_tflite_seeds(const std::filesystem::path& folder) {
  write_file(folder / "image_float.tflite", image_network(false).bytes());
  write_file(folder / "image_int8.tflite", image_network(true).bytes());
  const std::vector<OneOperator> unary{
      {"relu", Code::RELU, {1, 3}, {1, 3}},
      {"relu6", Code::RELU6, {1, 3}, {1, 3}},
      {"logistic", Code::LOGISTIC, {1, 3}, {1, 3}},
      {"tanh", Code::TANH, {1, 2, 2}, {1, 2, 2}},
      {"hard_swish", Code::HARD_SWISH, {1, 3}, {1, 3}},
      {"arg_max", Code::ARG_MAX, {1, 3}, {1}},
  };
  for (const auto& [name, code, from, to] : unary) {
    TfliteFile file;
    const int x = file.tensor("x", Type::FLOAT32, from), y = file.tensor("y", Type::FLOAT32, to);
    file.op(code, {x}, {y});
    file.outputs({y});
    write_file(folder / (std::string(name) + ".tflite"), file.bytes());
  }
  TfliteFile moves;
  const int x = moves.tensor("x", Type::FLOAT32, {1, 2, 4});
  const int s = moves.tensor("s", Type::FLOAT32, {1, 2, 2}), p = moves.tensor("p", Type::FLOAT32, {1, 4, 2});
  const int t = moves.tensor("t", Type::FLOAT32, {1, 4, 4}), m = moves.tensor("m", Type::FLOAT32, {1, 4});
  moves.op(Code::STRIDED_SLICE,
           {x, moves.ints("b", {0, 0, 0}), moves.ints("e", {1, 2, 4}), moves.ints("st", {1, 1, 2})}, {s},
           mj_tflite::StridedSliceOptionsT{});
  const int amounts = moves.constant<std::int32_t>("pads", Type::INT32, {3, 2}, {0, 0, 1, 1, 0, 0});
  moves.op(Code::PAD, {s, amounts}, {p});
  mj_tflite::ConcatenationOptionsT concat;
  concat.axis = 2;
  moves.op(Code::CONCATENATION, {p, p}, {t}, concat);
  mj_tflite::ReducerOptionsT mean;
  moves.op(Code::MEAN, {t, moves.ints("axes", {1})}, {m}, mean);
  moves.outputs({m});
  write_file(folder / "moves.tflite", moves.bytes());
}

}  // namespace
}  // namespace mj

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
    return 2;
  }
  const std::filesystem::path folder(argv[1]);
  mj::write_onnx_seeds(folder / "onnx");
  mj::write_tflite_seeds(folder / "tflite");
  mj::write_text_seeds(folder / "text");
  mj::write_npy_seeds(folder / "npy");
}
