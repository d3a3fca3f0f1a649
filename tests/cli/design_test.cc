// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "mj/arch/architecture.h"
#include "mj/io/onnx.h"
#include "tests/cli/command_line.h"

extern char** environ;

namespace mj {
namespace {

constexpr const char* kSpec = R"(format = 1
name = "bars"
seed = 7
[teacher]
model = "teacher.onnx"
[data]
set = "npy:DATA"
validation = 0.2
[platform]
name = "msp430fr5994"
[budget]
energy = "ENERGY"
[students]
probes = 2
probe = 0.2
[distil]
epochs = EPOCHS
batch = 32
learning_rate = 0.05
flip = false
crop = 0
[quantize]
images = 100
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
  return text;
}

/// A folder with data, a teacher and a spec; made once for all tests.
class Design : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new ScratchFolder;
    write_bars(folder_->path(), 600, 150);
    const Ran trained = millijoule({"train", "--arch", "resnet-8-w8-s1", "--data", "npy:" + folder_->path().string(), "-o",
                                    *folder_ / "teacher.onnx", "--epochs", "4", "--batch", "32", "--lr", "0.05", "--threads", "1"});
    teacher_errors_ = trained.exit_code == 0 ? "" : "exit code " + std::to_string(trained.exit_code) + ": " + trained.errors;
  }
  static void TearDownTestSuite() { delete folder_; }
  // Here and not above: a set-up of the suite that fails only skips its tests.
  void SetUp() override { ASSERT_EQ(teacher_errors_, ""); }

  static std::string spec(const std::string& name, const std::string& energy, int epochs) {
    std::string text = replaced(kSpec, "DATA", folder_->path().string());
    text = replaced(replaced(text, "ENERGY", energy), "EPOCHS", std::to_string(epochs));
    const std::string path = *folder_ / name;
    write_file(path, text);
    return path;
  }
  static std::string run_error(const std::string& text) {
    write_file(*folder_ / "bad.toml", text);
    const Ran ran = millijoule({"design", *folder_ / "bad.toml", "-o", *folder_ / "bad"});
    EXPECT_EQ(ran.exit_code, 1) << ran.output;
    EXPECT_FALSE(std::filesystem::exists(*folder_ / "bad")) << "something was left behind";
    return replaced(ran.errors.substr(ran.errors.rfind("millijoule: ")), folder_->path().string(), "HERE");
  }
  static ScratchFolder* folder_;
  static std::string teacher_errors_;
};

ScratchFolder* Design::folder_ = nullptr;
std::string Design::teacher_errors_;

TEST_F(Design, GivesTheSameBytesTwiceAndKeepsItsPromises) {
  const std::string path = spec("spec.toml", "3 mJ", 4);
  const Ran first = millijoule({"design", path, "-o", *folder_ / "one", "--threads", "1"});
  ASSERT_EQ(first.exit_code, 0) << first.errors;
  ASSERT_EQ(millijoule({"design", path, "-o", *folder_ / "two", "--threads", "1"}).exit_code, 0);
  auto one = files_below(*folder_ / "one"), two = files_below(*folder_ / "two");
  // Measured seconds and joules are the only difference there may be: in run.json, and in the checkpoints it sums.
  EXPECT_TRUE(one.contains("run.json"));
  const auto measured = [](const auto& file) { return file.first == "run.json" || file.first.starts_with("work/"); };
  std::erase_if(one, measured);
  std::erase_if(two, measured);
  ASSERT_EQ(one.size(), two.size());
  for (const auto& [name, bytes] : one) EXPECT_EQ(bytes, two[name]) << name;

  const auto report = nlohmann::json::parse(read_text(*folder_ / "one/report.json"));
  EXPECT_GE(report["result"]["accuracy"].get<double>(), 0.9);
  EXPECT_LE(report["result"]["energy_j"].get<double>(), 3e-3);
  EXPECT_EQ(report["host_check"]["differing"], 0);
  EXPECT_EQ(report["host_check"]["bytes"], 150 * 3);
  // The struct's size is asserted in the header, which was compiled: report and firmware agree on memory.
  const auto& result = report["result"];
  const std::string header = read_text(*folder_ / "one/firmware/bars.h");
  EXPECT_NE(header.find(fmt::format("#define BARS_STATE_BYTES {}\n", result["state_bytes"].get<int>())), std::string::npos);
  EXPECT_EQ(result["ram_bytes"].get<int>(), result["state_bytes"].get<int>() + result["stack_bytes"].get<int>());
  EXPECT_TRUE(one.contains("report.html"));
  EXPECT_TRUE(one.contains("firmware/bars.c"));
  EXPECT_EQ(read_text(*folder_ / "one/report.html").find("http"), std::string::npos) << "the page must not need a network";

  // The written int8 model is the one that was measured.
  const Ran evaluated = millijoule({"eval", *folder_ / "one/student_int8.onnx", "--data", "npy:" + folder_->path().string(), "--json", "-"});
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.errors;
  EXPECT_EQ(nlohmann::json::parse(evaluated.output)["accuracy"].get<double>(), report["result"]["accuracy"].get<double>());
}

TEST_F(Design, AddsExitsThatTheFirmwareHas) {
  const std::string path = spec("exits.toml", "3 mJ", 3);
  write_file(path, read_text(path) + "[exits]\ncount = 2\nwidth = 4\nepochs = 4\nviews = 2\ndrop = 0.05\n");
  const Ran first = millijoule({"design", path, "-o", *folder_ / "exits", "--threads", "1"});
  ASSERT_EQ(first.exit_code, 0) << first.errors;
  ASSERT_EQ(millijoule({"design", path, "-o", *folder_ / "again", "--threads", "1"}).exit_code, 0);
  EXPECT_EQ(read_text(*folder_ / "exits/report.html"), read_text(*folder_ / "again/report.html"));
  EXPECT_EQ(read_file(*folder_ / "exits/student_int8.onnx"), read_file(*folder_ / "again/student_int8.onnx"));
  EXPECT_NE(first.output.find("by confidence"), std::string::npos) << first.output;

  const auto report = nlohmann::json::parse(read_text(*folder_ / "exits/report.json"));
  const auto& exits = report["exits"]["exits"];
  ASSERT_EQ(exits.size(), 3u);
  EXPECT_EQ(report["phases"][5]["name"], "exits");
  EXPECT_GT(report["phases"][5]["macs"], 0);
  // Every output of every image is compared with the emitted C.
  EXPECT_EQ(report["host_check"]["bytes"], 150 * 3 * 3);
  EXPECT_EQ(report["host_check"]["differing"], 0);
  EXPECT_EQ(exits[2]["int8_accuracy"], report["result"]["accuracy"]);
  EXPECT_GT(report["result"]["energy_j"].get<double>(), report["exits"]["full_energy_j"].get<double>());
  EXPECT_EQ(report["exits"]["chosen"]["thresholds"].size(), 2u);
  EXPECT_NE(read_text(*folder_ / "exits/firmware/bars.h").find("bars_infer_until"), std::string::npos);
  EXPECT_NE(read_text(*folder_ / "exits/report.html").find("Answers before the end"), std::string::npos);
  const Ran evaluated = millijoule({"eval", *folder_ / "exits/student_int8.onnx", "--data", "npy:" + folder_->path().string(), "--json", "-"});
  const auto per_exit = nlohmann::json::parse(evaluated.output)["per_exit"];
  for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(per_exit[k]["accuracy"].get<double>(), exits[k]["int8_accuracy"].get<double>(), 1e-8);
}

// The only student is too large for the NVM; compressed it is not, and its firmware still answers as the evaluator does.
TEST_F(Design, CompressesAStudentToTheMemory) {
  const std::string path = spec("compress.toml", "8 mJ", 4);
  std::string text = replaced(read_text(path), "[budget]\n", "[budget]\nnvm = \"24 kB\"\n");
  text = replaced(text, "[students]\n", "[students]\ncandidates = [\"resnet-8-w8-s1\"]\n");
  write_file(path, text);
  const Ran refused = millijoule({"design", path, "-o", *folder_ / "large"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.errors.find("no student fits"), std::string::npos) << refused.errors;
  write_file(path, text + "[compress]\nepochs = 4\n");
  const Ran ran = millijoule({"design", path, "-o", *folder_ / "compressed", "--threads", "1"});
  ASSERT_EQ(ran.exit_code, 0) << ran.errors;
  const auto report = nlohmann::json::parse(read_text(*folder_ / "compressed/report.json"));
  EXPECT_LE(report["result"]["nvm_bytes"].get<std::int64_t>(), 24000);
  EXPECT_GE(report["result"]["nvm_bytes"].get<std::int64_t>(), 15000);
  EXPECT_GE(report["result"]["accuracy"].get<double>(), 0.9);
  EXPECT_EQ(report["host_check"]["differing"], 0);
}

#ifdef MJ_CUDA_STAND_IN
// Every job that trains, on a device whose memory the host may not touch (tests/cuda).
TEST_F(Design, TrainsOnCudaWhereThereIsADevice) {
  const std::string path = spec("cuda.toml", "8 mJ", 4);
  std::string text = replaced(read_text(path), "[budget]\n", "[budget]\nnvm = \"24 kB\"\n");
  text = replaced(text, "[distil]\n", "[distil]\ntemperature = \"auto\"\nalpha = \"auto\"\n");
  write_file(path, text + "[compress]\nepochs = 4\n[exits]\ncount = 2\nwidth = 4\nepochs = 4\nviews = 2\ndrop = 0.05\n");
  const std::string output = *folder_ / "cuda";
  const ProcessResult ran = run_process({"env", std::string("LD_PRELOAD=") + MJ_CUDA_STAND_IN, MJ_PROGRAM, "design", path, "-o", output,
                                         "--threads", "1", "--device", "cuda"});
  ASSERT_EQ(ran.exit_code, 0) << ran.errors;
  const auto report = nlohmann::json::parse(read_text(output + "/report.json"));
  EXPECT_GE(report["result"]["accuracy"].get<double>(), 0.9);
  EXPECT_EQ(report["host_check"]["differing"], 0);
  EXPECT_EQ(report["exits"]["exits"].size(), 3u);
  EXPECT_LE(report["result"]["nvm_bytes"].get<std::int64_t>(), 24000);
  const Ran without = millijoule({"design", path, "-o", *folder_ / "without", "--device", "cuda"});
  EXPECT_EQ(without.exit_code, 1);
  EXPECT_NE(without.errors.find("device 'cuda': no usable CUDA device was found; expected auto or cpu"), std::string::npos) << without.errors;
}
#endif

TEST_F(Design, KilledAnywhereItEndsWithTheSameBytes) {
  const std::string path = spec("kill.toml", "3 mJ", 12);
  write_file(path, replaced(read_text(path), "learning_rate", "temperature = \"auto\"\nalpha = \"auto\"\nlearning_rate"));
  const auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(millijoule({"design", path, "-o", *folder_ / "whole", "--threads", "1"}).exit_code, 0);
  const double whole_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (int kill = 0; kill < 6; ++kill) {
    const std::string output = *folder_ / "killed";
    std::vector<std::string> words = {MJ_PROGRAM, "design", path, "-o", output, "--threads", "1", "--resume"};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t child = 0;
    ASSERT_EQ(posix_spawn(&child, MJ_PROGRAM, &quiet, nullptr, arguments.data(), environ), 0);
    posix_spawn_file_actions_destroy(&quiet);
    std::this_thread::sleep_for(std::chrono::duration<double>(whole_seconds * (0.25 + 0.12 * kill)));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  const Ran resumed = millijoule({"design", path, "-o", *folder_ / "killed", "--threads", "1", "--resume"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.errors;
  const auto whole = files_below(*folder_ / "whole"), killed = files_below(*folder_ / "killed");
  const auto report = nlohmann::json::parse(read_text(*folder_ / "killed/report.json"));
  EXPECT_EQ(report["distillation"]["arms"].size(), 4u);
  for (const auto& [name, bytes] : whole) {
    if (name == "run.json" || name.starts_with("work/")) continue;
    ASSERT_TRUE(killed.contains(name)) << name;
    EXPECT_EQ(bytes, killed.at(name)) << name;
  }
}

TEST_F(Design, StudentsPrintsEveryCandidateAndTheChoice) {
  const std::string data = "npy:" + folder_->path().string();
  const Ran ran = millijoule({"students", "--arch", "resnet-8-w8-s1", "--platform", "msp430fr5994", "--budget", "1 mJ", "--data", data, "--json", "-"});
  ASSERT_EQ(ran.exit_code, 0) << ran.errors;
  const auto json = nlohmann::json::parse(ran.output);
  EXPECT_EQ(json["budget_j"].get<double>(), 1e-3);
  EXPECT_EQ(json["candidates"].size(), 3u * 3u - 1u);  // widths 4, 6, 8; strides 1, 2, 4
  for (const auto& candidate : json["candidates"]) {
    EXPECT_EQ(candidate["fits"].get<bool>(), candidate["energy_j"].get<double>() <= 1e-3) << candidate;
    EXPECT_FALSE(candidate["verdict"].get<std::string>().empty());
    EXPECT_TRUE(candidate["architecture"] != json["chosen"] || candidate["fits"].get<bool>()) << candidate;
  }
  const Ran by_model = millijoule({"students", "--model", *folder_ / "teacher.onnx", "--platform", "msp430fr5994", "--budget", "1 mJ", "--data",
                                   data, "--probes", "2", "--probe-epochs", "1"});
  ASSERT_EQ(by_model.exit_code, 0) << by_model.errors;
  EXPECT_NE(by_model.output.find("chosen: "), std::string::npos) << by_model.output;
  const Ran none = millijoule({"students", "--arch", "resnet-8-w8-s1", "--platform", "msp430fr5994", "--budget", "1 nJ", "--data", data});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_NE(none.errors.find("no student fits 1.00 nJ per inference"), std::string::npos) << none.errors;
}

TEST_F(Design, DistilDerivesTemperatureAndWeight) {
  const Ran ran = millijoule({"distil", "--teacher", *folder_ / "teacher.onnx", "--student", "resnet-8-w4-s2", "--data",
                              "npy:" + folder_->path().string(), "--epochs", "20", "--batch", "32", "--lr", "0.05", "--threads", "1",
                              "-o", *folder_ / "distilled.onnx", "--json", "-"});
  ASSERT_EQ(ran.exit_code, 0) << ran.errors;
  const auto json = nlohmann::json::parse(ran.output);
  EXPECT_EQ(json["arms"].size(), 4u);
  EXPECT_LE(json["cost_macs"].get<double>(), 1.3 * json["training_macs"].get<double>());
  EXPECT_GE(json["accuracy"].get<double>(), 0.9);

  const Ran wrong = millijoule({"distil", "--teacher", *folder_ / "teacher.onnx", "--student", "resnet-8-w4-s2", "--data", "npy:x",
                                "-o", "x", "--temperature", "hot"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_NE(wrong.errors.find("'hot' is neither 'auto' nor a number from 0.001 to 1000"), std::string::npos) << wrong.errors;
}

TEST_F(Design, NamelessNetworksHaveStudents) {
  Graph nameless = read_model(*folder_ / "teacher.onnx");
  forget_architecture(nameless);
  write_onnx(*folder_ / "nameless.onnx", nameless);
  const std::string data = "npy:" + folder_->path().string();
  const Ran ran = millijoule({"students", "--model", *folder_ / "nameless.onnx", "--platform", "msp430fr5994", "--budget", "3 mJ", "--data", data, "--json", "-"});
  ASSERT_EQ(ran.exit_code, 0) << ran.errors;
  const auto json = nlohmann::json::parse(ran.output);
  EXPECT_EQ(json["candidates"].size(), 2u * 6u - 1u);  // one block to drop, six widths
  for (const auto& candidate : json["candidates"]) EXPECT_EQ(candidate["architecture"].get<std::string>().substr(0, 9), "nameless/");

  const auto distil = [&](const std::string& student) {
    return millijoule({"distil", "--teacher", *folder_ / "nameless.onnx", "--student", student, "--data", data, "--epochs", "1", "--batch", "16",
                       "--lr", "0.01", "--temperature", "4", "--alpha", "0.9", "--threads", "1", "-o", *folder_ / "reduced.onnx", "--json", "-"});
  };
  const Ran reduced = distil("nameless/drop1/width0.75");
  ASSERT_EQ(reduced.exit_code, 0) << reduced.errors;
  EXPECT_GE(nlohmann::json::parse(reduced.output)["accuracy"].get<double>(), 0.9);
  EXPECT_EQ(architecture_of(read_model(*folder_ / "reduced.onnx")), "");
  const Ran other = distil("other/drop1");
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_NE(other.errors.find("student 'other/drop1' is made of 'other'; expected of the teacher, 'nameless', or of a model file"),
            std::string::npos) << other.errors;
  const Ran too_many = distil("nameless/drop3");
  EXPECT_NE(too_many.errors.find("student 'nameless/drop3': 3 blocks cannot be dropped: the network has 1 that give what they take"),
            std::string::npos) << too_many.errors;

  const std::string path = spec("nameless.toml", "3 mJ", 1);
  std::string text = replaced(read_text(path), "teacher.onnx", "nameless.onnx");
  text = replaced(text, "probes = 2", "candidates = [\"nameless/drop1/width0.5\", \"nameless/drop1/width0.25\"]");
  write_file(path, text);
  const Ran designed = millijoule({"design", path, "-o", *folder_ / "nameless", "--threads", "1"});
  ASSERT_EQ(designed.exit_code, 0) << designed.errors;
  const auto report = nlohmann::json::parse(read_text(*folder_ / "nameless/report.json"));
  EXPECT_EQ(report["candidates"][1]["verdict"], "nameless/drop1/width0.5 is larger and fits");
  EXPECT_EQ(report["host_check"]["differing"], 0);
  write_file(path, replaced(text, "\"nameless/drop1/width0.5\"", "\"net/drop1\""));
  const Ran stranger = millijoule({"design", path, "-o", *folder_ / "stranger"});
  EXPECT_EQ(stranger.exit_code, 1);
  EXPECT_NE(stranger.errors.find("student 'net/drop1' is made of 'net'; expected of the teacher, 'nameless'"), std::string::npos) << stranger.errors;
}

TEST_F(Design, LessonsServeFurtherStudents) {
  const std::string lessons = *folder_ / "teacher.lessons";
  const auto distil = [&](const std::string& student, bool kept) {
    std::vector<std::string> arguments{"distil", "--teacher", *folder_ / "teacher.onnx", "--student", student, "--data",
                                       "npy:" + folder_->path().string(), "--epochs", "2", "--views", "1", "--temperature", "4",
                                       "--alpha", "0.9", "--threads", "1", "-o", *folder_ / "taught.onnx", "--json", "-"};
    if (kept) arguments.insert(arguments.end(), {"--lessons", lessons});
    const Ran ran = millijoule(arguments);
    EXPECT_EQ(ran.exit_code, 0) << ran.errors;
    return ran.output;
  };
  const std::string first = distil("resnet-8-w4-s2", true);
  const std::vector<std::byte> said = read_file(lessons);
  EXPECT_EQ(distil("resnet-8-w4-s2", false), first);
  distil("resnet-8-w6-s2", true);
  EXPECT_EQ(read_file(lessons), said);
  const Ran none = millijoule({"distil", "--teacher", *folder_ / "teacher.onnx", "--student", "resnet-8-w4-s2", "--data", "npy:x",
                               "-o", "x", "--lessons", lessons});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_NE(none.errors.find("--lessons: needs --views of at least 1"), std::string::npos) << none.errors;
}

TEST_F(Design, ImpossibleBudgetNamesTheSmallestStudent) {
  const Ran ran = millijoule({"design", spec("small.toml", "1 nJ", 4), "-o", *folder_ / "small"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_NE(ran.errors.find("no student fits 1.00 nJ per inference"), std::string::npos) << ran.errors;
  EXPECT_NE(ran.errors.find("the smallest, resnet-"), std::string::npos) << ran.errors;
  EXPECT_FALSE(std::filesystem::exists(*folder_ / "small")) << "something was left behind";
}

TEST_F(Design, BadSpecs) {
  const std::string good = read_text(spec("good.toml", "3 mJ", 4));
  EXPECT_EQ(run_error(replaced(good, "epochs =", "epoch =")),
            "millijoule: HERE/bad.toml:17: unknown key 'epoch' in [distil]; did you mean 'epochs'?\n");
  EXPECT_EQ(run_error(replaced(good, "3 mJ", "3 mW")),
            "millijoule: HERE/bad.toml:12: '3 mW': unknown unit 'mW' for an energy; expected one of J, mJ, uJ, nJ, pJ, kJ, Wh, mWh\n");
  EXPECT_EQ(run_error(replaced(good, "teacher.onnx", "none.onnx")), "millijoule: HERE/none.onnx: no such file\n");
  EXPECT_EQ(run_error(replaced(good, "npy:HERE", "x") + "[budgets]\n"),
            "millijoule: HERE/bad.toml:24: unknown key 'budgets'; did you mean 'budget'?\n");
  EXPECT_EQ(run_error(replaced(good, "validation = 0.2", "validation = 2")),
            "millijoule: HERE/bad.toml:8: 'validation' is 2; expected 0.01 to 0.5\n");
  EXPECT_EQ(run_error(replaced(good, "msp430fr5994", "msp430fr5995")).substr(0, 38), "millijoule: unknown platform 'msp430fr");
}

TEST_F(Design, OutputThatCannotBeWritten) {
  write_file(*folder_ / "plain-file", std::string_view("x"));
  const Ran ran = millijoule({"design", spec("output.toml", "3 mJ", 4), "-o", *folder_ / "plain-file"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_NE(ran.errors.find("plain-file"), std::string::npos) << ran.errors;
  EXPECT_EQ(read_text(*folder_ / "plain-file"), "x");
}

}  // namespace
}  // namespace mj
