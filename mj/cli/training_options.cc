// SPDX-License-Identifier: Apache-2.0
#include "mj/cli/training_options.h"

namespace mj::cli {

void TrainingOptions::add(CLI::App& command) {
  command.add_option("--data", data, "data set: fashion-mnist, cifar10:DIR, images:DIR, ... (docs/data.md)")->required()->type_name("SET");
  command.add_option("-o,--output", output, "file for the trained network (ONNX)")->required()->type_name("FILE");
  command.add_option("--epochs", train.epochs, "passes over the training images")->type_name("N")->check(CLI::Range(1, 100000));
  command.add_option("--batch", train.batch, "images per step")->type_name("N")->check(CLI::Range(2, 65536));
  command.add_option("--lr", train.learning_rate, "peak learning rate; cosine to zero")->type_name("X")->check(CLI::PositiveNumber);
  command.add_option("--warmup", train.warmup_epochs, "epochs of linear warm-up")->type_name("X")->check(CLI::NonNegativeNumber);
  command.add_option("--weight-decay", train.weight_decay, "not on biases and batch-norm")->type_name("X")->check(CLI::NonNegativeNumber);
  command.add_option("--label-smoothing", train.label_smoothing, "share of the target spread over all classes")->type_name("X")->check(CLI::Range(0.0, 0.9));
  command.add_option("--ema", train.ema_decay, "decay of a moving average of the weights; 0 is off")->type_name("X")->check(CLI::Range(0.0, 0.99999));
  command.add_option("--crop", train.augment.crop_pad, "random shift by up to N pixels")->type_name("N")->check(CLI::Range(0, 64));
  command.add_flag("--flip", train.augment.flip, "mirror images at random");
  command.add_option("--cutout", train.augment.cutout, "side of a square blanked at random")->type_name("N")->check(CLI::Range(0, 1024));
  command.add_option("--validation", validation, "share of the training images held out")->type_name("X")->check(CLI::Range(0.01, 0.5));
  command.add_option("--device", device, "where to train: auto, cpu or cuda")->type_name("NAME");
  command.add_option("--precision", precision, "what training computes with: float32, or bfloat16, faster where there is AMX or AVX512-BF16")->type_name("NAME");
  command.add_flag("--resume", resume, "continue from the checkpoints in OUTPUT.work");
}

TrainOptions TrainingOptions::finished(std::uint64_t seed) const {
  TrainOptions options = train;
  options.seed = seed;
  options.device = parse_device(device);
  options.precision = parse_precision(precision);
  options.checkpoint = work() / "train.checkpoint";
  if (!resume) std::filesystem::remove_all(work());
  return options;
}

}  // namespace mj::cli
