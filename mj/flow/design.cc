// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/design.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/random.h"
#include "mj/base/text.h"
#include "mj/data/dataset.h"
#include "mj/emit/emit.h"
#include "mj/flow/compress_network.h"
#include "mj/flow/quantize_job.h"
#include "mj/flow/run_set.h"
#include "mj/io/onnx.h"
#include "mj/ir/cost.h"
#include "mj/pass/lower.h"

namespace mj {
namespace {

/// Draws of one design that must not coincide: each is a key of its own for the random streams.
enum Purpose : std::uint64_t { kSplit = 1, kInitial = 2 };

// What the short trainings that compare students use where nothing is given: usual values, the same for all of them.
constexpr double kProbeTemperature = 4;
constexpr double kProbeAlpha = 0.9;

Limits limits_of(const Spec& spec, const Platform& platform) {
  Limits limits{spec.energy, static_cast<Bytes>(platform.nvm_bytes.value), static_cast<Bytes>(platform.ram_bytes.value)};
  if (spec.nvm) limits.nvm = std::min(limits.nvm, *spec.nvm);
  if (spec.ram) limits.ram = std::min(limits.ram, *spec.ram);
  return limits;
}

TrainOptions distil_options(const Spec& spec, Device device) {
  TrainOptions options;
  options.epochs = spec.epochs;
  options.batch = spec.batch;
  options.learning_rate = spec.learning_rate;
  options.weight_decay = spec.weight_decay;
  options.ema_decay = spec.ema;
  options.augment = {.crop_pad = spec.crop, .flip = spec.flip};
  options.views = spec.views;
  options.seed = spec.seed;
  options.device = device;
  options.precision = spec.precision;
  return options;
}

ExitsJob exits_job(const Spec& spec, Device device, const std::filesystem::path& work) {
  ExitsJob job;
  job.at = spec.exits->at;
  job.most = spec.exits->count;
  job.head = spec.exits->head;
  job.training.epochs = spec.exits->epochs;
  job.training.learning_rate = spec.exits->learning_rate;
  job.training.seed = spec.seed;
  job.training.device = device;
  job.training.checkpoint = work / "exits.checkpoint";
  job.views = spec.exits->views;
  job.augment = {.crop_pad = spec.crop, .flip = spec.flip};
  job.drop = spec.exits->drop;
  return job;
}

/// The network to teach: fresh weights, or those of the teacher that survive; fed like the teacher.
Graph fresh_student(const Student& student, const Graph& teacher, const Samples& train, std::int64_t classes, std::uint64_t seed) {
  Graph graph = build_to_train(student, &teacher, train, classes, RandomStream(seed, kInitial).next());
  graph.preprocess = teacher.preprocess;
  graph.class_names = teacher.class_names;
  return graph;
}

/// A student's name where a file is called by it.
std::string file_name(const Student& student) {
  std::string name = student.name;
  std::ranges::replace(name, '/', '-');
  return name;
}

void require_match(const Graph& teacher, const DataSet& data, const std::string& file) {
  with_context(file, [&] { require_samples_fit(teacher, data.train); });
  if (class_count(teacher) != data.classes()) {
    fail("{}: tells {} classes apart; {} has {}", file, class_count(teacher), data.name, data.classes());
  }
}

/// Makes the folder, so that one that cannot be written to is told before the work and not after it; when the job fails
/// before anything was written, the folder goes again.
class OutputFolder {
 public:
  explicit OutputFolder(std::filesystem::path path) : path_(std::move(path)), existed_(std::filesystem::exists(path_)) {
    make_writable_directory(path_);
  }
  ~OutputFolder() {
    std::error_code ignored;
    if (!existed_ && std::filesystem::is_empty(path_, ignored)) std::filesystem::remove(path_, ignored);
  }
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

 private:
  std::filesystem::path path_;
  bool existed_;
};

Contender contender(std::string name, const Graph& simplified, const Estimate& cost) {
  return {.name = std::move(name),
          .parameters = parameter_count(simplified),
          .macs = total_macs(simplified),
          .energy = cost.energy,
          .latency = cost.latency,
          .nvm_bytes = cost.nvm_bytes,
          .ram_bytes = cost.ram_bytes};
}


/// What is left of the NVM for constants: code, and that of the kernels of encoded weights, comes off.
Bytes constants_within(Bytes nvm, const Graph& student, const Platform& platform) {
  const auto kernel = [&](Kernel line) { return platform.kernels[static_cast<std::size_t>(line)]; };
  const Estimate plain = estimate(lower_for_estimate(student), platform);
  // A factorised layer is called three times.
  const Bytes calls = 2 * kernel(Kernel::kConvEncoded).bytes_per_call * static_cast<Bytes>(student.nodes.size());
  const Bytes code = plain.code_bytes + kernel(Kernel::kConvEncoded).code_bytes + kernel(Kernel::kLinearEncoded).code_bytes + calls;
  if (code >= nvm) fail("an NVM of {} leaves nothing for weights: code alone takes up to {}", bytes_text(nvm), bytes_text(code));
  return nvm - code;
}

CompressOptions compress_options(const Spec& spec, const Limits& limits, const Graph& student, const Platform& platform, Device device,
                                 const std::filesystem::path& work) {
  CompressOptions wanted;
  wanted.limits = {constants_within(limits.nvm, student, platform), limits.ram, limits.energy};
  wanted.training = distil_options(spec, device);
  wanted.training.epochs = spec.compress_epochs;
  wanted.training.ema_decay = 0;
  wanted.checkpoints = work / "compress";
  std::filesystem::create_directories(wanted.checkpoints);
  return wanted;
}

}  // namespace

DesignResult design(const Spec& spec, const DesignOptions& options, Progress& progress) {
  Meter meter;
  DesignResult result;
  result.spec = spec;
  result.energy_source = meter.energy_source();
  const std::filesystem::path work = spec.output / "work";
  const OutputFolder output(spec.output);
  if (!options.resume) std::filesystem::remove_all(work);

  meter.begin("read");
  result.platform = find_platform(spec.platform);
  result.limits = limits_of(spec, result.platform);
  Graph teacher = read_model(spec.teacher);
  DataSet data = read_dataset(spec.data, Half::kTrain);
  require_match(teacher, data, spec.teacher.string());
  if (teacher.class_names.empty()) teacher.class_names = data.class_names;
  result.class_names = data.class_names;
  const Split split = split_validation(data.train, spec.validation, RandomStream(spec.seed, kSplit).next());
  result.train_images = split.train.size();
  result.validation_images = split.validation.size();
  const Graph simple_teacher = simplify(teacher);

  meter.begin("characterise");
  const Shape& input = teacher.type(teacher.inputs[0]).shape;
  const Estimate teacher_cost = estimate(lower_for_estimate(simple_teacher), result.platform);
  const std::string teacher_name = architecture_of(teacher);
  result.teacher =
      contender(teacher_name.empty() ? spec.teacher.stem().string() : teacher_name, simple_teacher, teacher_cost);
  const std::vector<Student> students =
      spec.students.empty() ? students_of(teacher, spec.teacher.stem().string()) : spec.students;
  result.candidates = characterise(students, &teacher, input, data.classes(), result.platform);

  meter.begin("identify");
  result.teacher_validation_accuracy =
      accuracy(logits(simple_teacher, split.validation, options.device), split.validation.labels, data.classes());
  meter.add_macs(total_macs(simple_teacher) * split.validation.size());
  // One answer per view serves every probe and the final training.
  Lessons lessons;
  if (spec.views > 0) {
    TrainOptions asked = distil_options(spec, options.device);
    asked.checkpoint = work / "teacher.checkpoint";
    lessons = teach(simple_teacher, split.train, asked, progress);
    meter.add_macs(total_macs(simple_teacher) * split.train.size() * spec.views);
  }
  const Lessons* said = spec.views > 0 ? &lessons : nullptr;
  // Where they are to be derived, the probes make do with what needs no training.
  Distillation distillation{&simple_teacher, spec.temperature.value_or(kProbeTemperature), spec.alpha.value_or(kProbeAlpha), said,
                            spec.objective};
  const Probe probe = [&](const Student& student) {
    TrainOptions short_run = distil_options(spec, options.device);
    short_run.epochs = std::max(1, static_cast<int>(std::lround(spec.epochs * spec.probe)));
    short_run.warmup_epochs = 0.1 * short_run.epochs;
    short_run.ema_decay = 0;  // an average over a run this short lags behind it
    short_run.checkpoint = work / ("probe-" + file_name(student) + ".checkpoint");
    const Graph fresh = fresh_student(student, teacher, split.train, data.classes(), spec.seed);
    const TrainResult probed = train(fresh, split.train, split.validation, short_run, distillation, progress);
    meter.add_macs(probed.macs);
    return probed.validation_accuracy;
  };
  // With compression it is energy and RAM that decide between students; bytes are taken away later.
  Limits choice = result.limits;
  if (spec.compress_epochs > 0) choice.nvm = std::numeric_limits<Bytes>::max();
  const std::size_t chosen = identify(result.candidates, choice, spec.probes, split.validation.size(), probe);
  const Student& student = result.candidates[chosen].student;

  const Graph fresh = fresh_student(student, teacher, split.train, data.classes(), spec.seed);
  meter.begin("derive");
  TrainOptions derived_for = distil_options(spec, options.device);
  result.derived = derive_distillation(fresh, simple_teacher, split.train, split.validation, derived_for, said,
                                       {.objective = spec.objective, .temperature = spec.temperature, .alpha = spec.alpha,
                                        .checkpoints = work}, progress);
  meter.add_macs(result.derived.macs);
  distillation.temperature = result.derived.temperature;
  distillation.alpha = result.derived.alpha;

  meter.begin("distil");
  TrainOptions full_run = distil_options(spec, options.device);
  full_run.checkpoint = work / "distil.checkpoint";
  TrainResult trained = train(fresh, split.train, split.validation, full_run, distillation, progress);
  meter.add_macs(trained.macs);
  result.student = std::move(trained.graph);
  result.epoch_loss = trained.epoch_loss;
  result.epoch_accuracy = trained.epoch_accuracy;
  result.student_validation_accuracy = trained.validation_accuracy;

  const bool too_large = estimate(lower_for_estimate(result.student), result.platform).nvm_bytes > result.limits.nvm;
  if (spec.compress_epochs > 0 && too_large && !result.platform.accelerator) {
    meter.begin("compress");
    const CompressOptions wanted = compress_options(spec, result.limits, result.student, result.platform, options.device, work);
    CompressedNetwork small = compress_network(result.student, split, wanted, result.platform, progress);
    meter.add_macs(small.training_macs);
    result.student = std::move(small.graph);
  }

  const Graph bare_student = simplify(result.student);
  if (spec.exits) {
    meter.begin("exits");
    result.exits = train_exits(result.student, split, exits_job(spec, options.device, work), result.platform, progress);
    meter.add_macs(result.exits->macs);
    result.student = result.exits->graph;
  }

  meter.begin("quantise");
  const Graph simple_student = simplify(result.student);
  result.lowered = quantize_on(simple_student, split.train, spec.calibration, usual_clip(simple_student), spec.seed);
  meter.add_macs(total_macs(simple_student) * std::min<std::int64_t>(spec.calibration, split.train.size()));

  meter.begin("emit");
  result.estimate = estimate(result.lowered, result.platform);
  result.result = contender(student.name, simple_student, result.estimate);
  const std::filesystem::path firmware = spec.output / "firmware";
  write_firmware(firmware, emit(result.lowered, {.name = spec.name}, &result.platform, &result.estimate));
  write_onnx(spec.output / "teacher.onnx", teacher);
  write_onnx(spec.output / "student.onnx", result.student);
  write_onnx(spec.output / "student_int8.onnx", result.lowered);

  // Everything is decided: only now the test half is read, once, for the final numbers.
  meter.begin("test");
  const DataSet final_data = read_dataset(spec.data, Half::kTest);
  const Samples& test = final_data.test;
  result.test_images = test.size();
  result.teacher.accuracy = accuracy(logits(simple_teacher, test, options.device), test.labels, data.classes());
  if (result.exits) measure_exits(*result.exits, test, options.device, progress);
  result.student_float_accuracy = accuracy(logits(bare_student, test, options.device), test.labels, data.classes());
  const SetRun run = run_set(result.lowered, test, "evaluating the int8 student", progress);
  meter.add_macs((total_macs(simple_teacher) + 2 * total_macs(simple_student)) * test.size());
  result.result.accuracy = run.accuracy.back();
  if (result.exits) result.int8_exit_accuracy = run.accuracy;
  result.confusion.assign(static_cast<std::size_t>(data.classes() * data.classes()), 0);
  for (std::size_t i = 0; i < test.labels.size(); ++i) {
    ++result.confusion[static_cast<std::size_t>(test.labels[i] * data.classes() + run.answers.back()[i])];
  }

  meter.begin("check");
  progress.begin("checking the emitted C", test.size(), "images");
  result.host_check = check_on_host(firmware, spec.name, run.inputs, run.outputs);
  progress.end(fmt::format("{} bytes of output compared, {} differ", thousands(result.host_check.bytes),
                           result.host_check.differing));
  if (result.host_check.differing != 0) {
    throw InternalError(fmt::format("the emitted C and the evaluator differ in {} of {} bytes",
                                    result.host_check.differing, result.host_check.bytes));
  }
  result.phases = meter.finish();
  return result;
}

}  // namespace mj
