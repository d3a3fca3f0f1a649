// SPDX-License-Identifier: Apache-2.0

// Emitted networks with exits, compiled and run: at every exit the answer and how sure it is, against the evaluator.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "compiled.h"
#include "mj/arch/architecture.h"
#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/ir/cost.h"
#include "mj/ir/evaluate.h"
#include "mj/ir/exits.h"
#include "mj/pass/exit_head.h"
#include "mj/pass/lower.h"
#include "mj/pass/plan_units.h"

namespace mj {
namespace {

constexpr std::size_t kClasses = 5;
constexpr int kInputs = 12;

/// For every input and every exit: stops there and writes which output holds the answer, all outputs up to it, and the
/// confidences that were asked about.
constexpr const char* kContinuousDriver = R"(#include <stdio.h>
#include <string.h>
#include "net.h"
typedef struct { uint8_t stop; uint16_t seen[NET_EXITS]; } asked;
static uint8_t go_on(void* context, uint8_t exit, uint16_t confidence) {
  asked* self = (asked*)context;
  self->seen[exit] = confidence;
  return exit < self->stop;
}
static net_state state;
int main(void) {
  static int8_t input[NET_INPUT_BYTES];
  net_init(&state);
  while (fread(input, 1, sizeof input, stdin) == sizeof input) {
    uint8_t stop, k;
    for (stop = 0; stop < NET_OUTPUTS; ++stop) {
      asked self = {stop, {0}};
      uint8_t answer;
      memcpy(net_input(&state), input, sizeof input);
      answer = net_infer_until(&state, go_on, &self);
      fwrite(&answer, 1, 1, stdout);
      for (k = 0; k <= answer; ++k) fwrite(net_output(&state, k), 1, NET_OUTPUT0_BYTES, stdout);
      fwrite(self.seen, sizeof self.seen[0], NET_EXITS, stdout);
    }
  }
  return 0;
}
)";

constexpr const char* kIntermittentDriver = R"(#include <stdio.h>
#include <string.h>
#include "net.h"
typedef struct { uint8_t stop; uint16_t seen[NET_EXITS]; } asked;
static uint8_t go_on(void* context, uint8_t exit, uint16_t confidence) {
  asked* self = (asked*)context;
  self->seen[exit] = confidence;
  return exit < self->stop;
}
static net_nonvolatile kept;
static net_state state;
#if MJ_NV_SLOTS == 1
#elif MJ_NV_WORD == 1
void mj_board_write_byte(uint8_t* to, uint8_t value) { *to = value; }
#else
void mj_board_write_word(void* to, const uint8_t* from) { memcpy(to, from, MJ_NV_WORD); }
#endif
int main(void) {
  static int8_t input[NET_INPUT_BYTES];
  uint32_t epoch = 0;
  (void)net_recover(&state, &kept);
  while (fread(input, 1, sizeof input, stdin) == sizeof input) {
    uint8_t stop, k;
    for (stop = 0; stop < NET_OUTPUTS; ++stop) {
      asked self = {stop, {0}};
      uint8_t answer;
      if (!net_set_input(&state, input) || !net_infer_until(&state, go_on, &self) || net_epoch(&state) != ++epoch) return 1;
      answer = net_exit(&state);
      fwrite(&answer, 1, 1, stdout);
      for (k = 0; k <= answer; ++k) fwrite(net_output(&state, k), 1, NET_OUTPUT0_BYTES, stdout);
      fwrite(self.seen, sizeof self.seen[0], NET_EXITS, stdout);
      (void)net_next(&state);
    }
  }
  return 0;
}
)";

/// Decides by the network's own thresholds and writes where that ends.
constexpr const char* kPolicyDriver = R"(#include <stdio.h>
#include <string.h>
#include "net.h"
static net_state state;
int main(void) {
  static int8_t input[NET_INPUT_BYTES];
  static mj_policy_state policy_state;
  mj_policy_asker asker;
  asker.plan = &net_policy;
  asker.state = &policy_state;
  asker.stored_uj = NULL;
  net_init(&state);
  while (fread(input, 1, sizeof input, stdin) == sizeof input) {
    uint8_t answer;
    memcpy(net_input(&state), input, sizeof input);
    mj_policy_begin(&net_policy, &policy_state, 0, 0, 0);
    answer = net_infer_until(&state, mj_policy_ask, &asker);
    mj_policy_end(&net_policy, &policy_state, answer);
    fwrite(&answer, 1, 1, stdout);
  }
  return 0;
}
)";

class ExitsInC : public testing::TestWithParam<ExitMethod> {
 protected:
  void SetUp() override {
    const Graph network = build(parse_architecture("resnet-8-w4-s1"), {12, 12, 2}, kClasses, 5);
    const auto points = block_boundaries(network, [](const Graph& graph) { return static_cast<double>(total_macs(graph)); });
    const HeadOptions options{GetParam(), 6, 4};
    const Graph simple = simplify(attach_head(network, points, options, make_head(network, points, options, 3)));
    std::vector<Tensor> seen;
    for (std::uint64_t i = 0; i < 8; ++i) seen.push_back(random_input(simple, i));
    graph = lower(simple, calibrate(simple, seen));
    graph.metadata["exit_temperatures"] = "0.5,1.5,0.25";
    graph.metadata["exit_thresholds"] = "0.4,0.35,0.5";
    RandomStream random(9);
    for (int i = 0; i < kInputs; ++i) {
      Tensor input = make_tensor(graph.type(graph.inputs[0]));
      for (std::int8_t& x : input.as<std::int8_t>()) x = static_cast<std::int8_t>(random.next() >> 56);
      records.insert(records.end(), input.data.begin(), input.data.end());
      answers.push_back(Evaluator(graph).run(input));
    }
  }

  static Tensor random_input(const Graph& of, std::uint64_t seed) {
    Tensor input = make_tensor(of.type(of.inputs[0]));
    RandomStream stream(seed, 4);
    for (float& x : input.as<float>()) x = static_cast<float>(stream.normal());
    return input;
  }

  /// Largest softmax, in double precision.
  double confidence(std::size_t input, std::size_t exit) const {
    const auto codes = answers[input][exit].as<std::int8_t>();
    const double step = graph.type(graph.outputs[exit]).quant->scale[0] / exit_temperatures(graph)[exit];
    double sum = 0;
    const int top = *std::max_element(codes.begin(), codes.end());
    for (const std::int8_t code : codes) sum += std::exp((code - top) * step);
    return 1 / sum;
  }

  std::vector<std::byte> run(Firmware firmware, const char* driver) {
    firmware["main.c"] = driver;
    make_for_host(firmware, folder.path() / "net", "-O1 -fsanitize=undefined -fno-sanitize-recover=all");
    return run_on_host(folder.path() / "net", "net", records);
  }

  void check_every_exit(const std::vector<std::byte>& got) const {
    const std::size_t exits = exit_count(graph);
    ASSERT_EQ(exits, 3u);
    std::size_t at = 0;
    for (std::size_t input = 0; input < answers.size(); ++input) {
      for (std::size_t stop = 0; stop <= exits; ++stop) {
        SCOPED_TRACE("input " + std::to_string(input) + ", stopping at " + std::to_string(stop));
        ASSERT_LE(at + 1 + (stop + 1) * kClasses + 2 * exits, got.size());
        EXPECT_EQ(std::to_integer<std::size_t>(got[at++]), stop);
        for (std::size_t k = 0; k <= stop; ++k) {
          EXPECT_EQ(std::memcmp(got.data() + at, answers[input][k].data.data(), kClasses), 0) << "output " << k;
          at += kClasses;
        }
        for (std::size_t k = 0; k < exits; ++k) {
          std::uint16_t said = 0;
          std::memcpy(&said, got.data() + at, sizeof said);
          at += sizeof said;
          // Nobody is asked behind the answer.
          const double expected = k <= stop ? 32768 * confidence(input, k) : 0;
          EXPECT_NEAR(said, expected, 12) << "confidence at exit " << k;
        }
      }
    }
    EXPECT_EQ(at, got.size());
  }

  Graph graph;
  std::vector<std::byte> records;
  std::vector<std::vector<Tensor>> answers;
  ScratchFolder folder;
};

TEST_P(ExitsInC, ContinuousCodeAnswersAtEveryExit) {
  check_every_exit(run(emit(graph, {.name = "net"}), kContinuousDriver));
}

TEST_P(ExitsInC, InferRunsToTheEndThroughAllExits) {
  make_for_host(emit(graph, {.name = "net"}), folder.path() / "net", "-O1");
  std::vector<std::byte> expected;
  for (const auto& outputs : answers) {
    for (const Tensor& output : outputs) expected.insert(expected.end(), output.data.begin(), output.data.end());
  }
  EXPECT_EQ(run_on_host(folder.path() / "net", "net", records), expected);
}

TEST_P(ExitsInC, IntermittentCodeAnswersAtEveryExit) {
  Platform platform = find_platform("msp430fr5994");
  for (const auto& [nvm, word] : {std::pair("fram", 1), std::pair("bytes", 1), std::pair("words", 16)}) {
    SCOPED_TRACE(nvm);
    Graph planned;
    try {
      planned = plan_units(graph, platform, {.charge = {5e-5}, .word_bytes = word});
    } catch (const Error& error) {
      // Not every network can be cut along words of 16 bytes.
      ASSERT_EQ(word, 16) << error.what();
      continue;
    }
    check_every_exit(run(emit(planned, {.name = "net", .nvm = nvm}, &platform), kIntermittentDriver));
  }
}

TEST_P(ExitsInC, TheirThresholdsDecideInTheEmittedPolicy) {
  const std::vector<std::byte> got = run(emit(graph, {.name = "net"}), kPolicyDriver);
  ASSERT_EQ(got.size(), answers.size());
  const std::vector<double> thresholds = exit_thresholds(graph);
  for (std::size_t input = 0; input < answers.size(); ++input) {
    std::size_t expected = 0;
    double nearest = 1;
    for (; expected < thresholds.size(); ++expected) {
      nearest = std::min(nearest, std::abs(confidence(input, expected) - thresholds[expected]));
      if (confidence(input, expected) >= thresholds[expected]) break;
    }
    if (nearest < 1e-3) continue;  // the integers may round either way
    EXPECT_EQ(std::to_integer<std::size_t>(got[input]), expected) << input;
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, ExitsInC, testing::Values(ExitMethod::kHead, ExitMethod::kGnet, ExitMethod::kFlat, ExitMethod::kPooled),
                         [](const auto& test) { return std::string(exit_method_name(test.param)); });

}  // namespace
}  // namespace mj
