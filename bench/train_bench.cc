// SPDX-License-Identifier: Apache-2.0
// Images per second of training: the project's trainer beside a loop as one would write it by hand with libtorch's own
// modules, over the same network, batch size, optimiser and threads. Both are run in turns, so that whatever else the
// machine does hits both, and the best of each is printed.
//
//   train_bench [DEPTH [WIDTH [IMAGES [TURNS]]]]

#include <fmt/format.h>
#include <torch/torch.h>

#include <chrono>

#include "mj/arch/architecture.h"
#include "mj/base/parallel.h"
#include "mj/base/random.h"
#include "mj/base/text.h"
#include "mj/learn/learn.h"

namespace {

namespace nn = torch::nn;

constexpr std::int64_t kSide = 32, kChannels = 3, kClasses = 10, kBatch = 128;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

nn::Conv2d conv(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
  return nn::Conv2d(nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false));
}

struct BlockImpl : nn::Module {
  nn::Conv2d conv1, conv2;
  nn::BatchNorm2d norm1, norm2;
  nn::Sequential shortcut{nullptr};

  BlockImpl(std::int64_t in, std::int64_t out, std::int64_t stride)
      : conv1(register_module("conv1", conv(in, out, 3, stride))),
        conv2(register_module("conv2", conv(out, out, 3, 1))),
        norm1(register_module("norm1", nn::BatchNorm2d(out))),
        norm2(register_module("norm2", nn::BatchNorm2d(out))) {
    if (stride != 1 || in != out) {
      shortcut = register_module("shortcut", nn::Sequential(conv(in, out, 1, stride), nn::BatchNorm2d(out)));
    }
  }
  torch::Tensor forward(const torch::Tensor& x) {
    torch::Tensor y = norm1(conv1(x)).relu_();
    y = norm2(conv2(y));
    return torch::relu_(y.add_(shortcut.is_empty() ? x : shortcut->forward(x)));
  }
};
TORCH_MODULE(Block);

struct ResnetImpl : nn::Module {
  nn::Sequential body;
  nn::Linear head;

  ResnetImpl(int depth, int width) : head(register_module("head", nn::Linear(4 * width, kClasses))) {
    body = register_module(
        "body", nn::Sequential(conv(kChannels, width, 3, 1), nn::BatchNorm2d(width), nn::ReLU(nn::ReLUOptions(true))));
    std::int64_t in = width;
    for (int stage = 0; stage < 3; ++stage) {
      for (int block = 0; block < (depth - 2) / 6; ++block) {
        const std::int64_t out = std::int64_t{width} << stage;
        body->push_back(Block(in, out, stage > 0 && block == 0 ? 2 : 1));
        in = out;
      }
    }
  }
  torch::Tensor forward(const torch::Tensor& x) { return head(body->forward(x).mean({2, 3})); }
};
TORCH_MODULE(Resnet);

/// The images in memory, ready to be used: no augmentation, no preprocessing, no bookkeeping.
double bare_seconds(int depth, int width, std::int64_t images) {
  torch::manual_seed(1);
  Resnet model(depth, width);
  model->to(torch::kFloat);
  for (auto& parameter : model->parameters()) {
    if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(torch::MemoryFormat::ChannelsLast));
  }
  torch::optim::SGD optimizer(model->parameters(),
                              torch::optim::SGDOptions(0.1).momentum(0.9).weight_decay(5e-4).nesterov(true));
  const torch::Tensor inputs =
      torch::randn({kBatch, kChannels, kSide, kSide}).contiguous(torch::MemoryFormat::ChannelsLast);
  const torch::Tensor labels = torch::randint(kClasses, {kBatch}, torch::kLong);
  model->train();
  const double start = now();
  for (std::int64_t done = 0; done < images; done += kBatch) {
    optimizer.zero_grad();
    const torch::Tensor loss = torch::nn::functional::cross_entropy(model(inputs), labels);
    loss.backward();
    optimizer.step();
    if (!std::isfinite(loss.item<double>())) break;
  }
  return now() - start;
}

double own_seconds(int depth, int width, std::int64_t images) {
  mj::Samples samples;
  samples.shape = {kSide, kSide, kChannels};
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(images * kSide * kSide * kChannels));
  mj::RandomStream stream(1);
  for (auto& pixel : pixels) pixel = static_cast<std::uint8_t>(stream.next() >> 56);
  samples.elements = std::move(pixels);
  for (std::int64_t i = 0; i < images; ++i) samples.labels.push_back(static_cast<std::int32_t>(stream.below(kClasses)));
  mj::Graph graph = mj::build({"resnet", depth, width, 1}, samples.shape, kClasses, 1);
  graph.preprocess = {1 / 255.0f, {0.5f}, {0.25f}};
  mj::TrainOptions options;
  options.epochs = 1;
  options.batch = kBatch;
  options.augment = {4, true, 0};
  const mj::Samples validation{samples.shape, std::vector<std::uint8_t>(), {}};
  return mj::train(graph, samples, validation, options, {}, mj::silent_progress()).seconds;
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int i, std::int64_t otherwise) {
    return i < argc ? mj::parse_integer(argv[i]).value_or(otherwise) : otherwise;
  };
  const int depth = static_cast<int>(argument(1, 20)), width = static_cast<int>(argument(2, 16));
  const std::int64_t images = argument(3, 2560) / kBatch * kBatch, turns = argument(4, 3);
  torch::set_num_threads(mj::threads());
  bare_seconds(depth, width, kBatch);  // libraries set up what they need
  double bare = 1e30, own = 1e30;
  for (std::int64_t turn = 0; turn < turns; ++turn) {
    bare = std::min(bare, bare_seconds(depth, width, images));
    own = std::min(own, own_seconds(depth, width, images));
  }
  fmt::print("resnet-{}-w{} on {}x{}x{}, {} threads\n", depth, width, kSide, kSide, kChannels, mj::threads());
  fmt::print("bare libtorch loop {:8.0f} images/s\n", static_cast<double>(images) / bare);
  fmt::print("millijoule         {:8.0f} images/s ({:+.1f} %)\n", static_cast<double>(images) / own,
             100 * (bare / own - 1));
}
