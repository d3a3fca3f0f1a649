// SPDX-License-Identifier: Apache-2.0
#include "mj/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "mj/report/svg.h"

namespace mj {
namespace {

using testing::HasSubstr;
using testing::Not;

DesignResult sample() {
  DesignResult result;
  result.spec.name = "demo";
  result.spec.data = "npy:<data>";
  result.platform.name = "board";
  result.platform.title = "A board & more";
  result.limits = {{3e-3}, 10000, 4000};
  result.class_names = {"a", "b"};
  result.test_images = 10;
  result.teacher = {"big", 0.95, 100000, 9000000, {50e-3}, {1.5}, 200000, 30000};
  result.result = {"small", 0.91, 1000, 90000, {2e-3}, {0.1}, 5000, 3000};
  result.student_float_accuracy = 0.912;
  result.candidates = {{.student = student_of({"resnet", 8, 8, 2}), .parameters = 1000, .energy = {2e-3}, .fits = true, .chosen = true, .verdict = "chosen"},
                       {.student = student_of({"resnet", 8, 16, 2}), .parameters = 4000, .energy = {9e-3}, .verdict = "needs <more>"}};
  result.epoch_loss = {1, 0.5};
  result.epoch_accuracy = {0.8, 0.9};
  result.confusion = {4, 1, 0, 5};
  result.host_check = {10, 20, 0};
  result.phases = {{"distil", 123456, 7.5, 14, 140}};
  result.lowered.plan.emplace();
  result.energy_source = "estimate";
  return result;
}

TEST(Report, JsonHasTheDocumentedKeysAndNothingMeasured) {
  const auto json = nlohmann::json::parse(report_json(sample()));
  for (const char* side : {"teacher", "result"}) {
    for (const char* key : {"accuracy", "energy_j", "latency_s", "nvm_bytes", "ram_bytes"}) EXPECT_TRUE(json[side].contains(key)) << key;
  }
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["budget"]["energy_j"], 3e-3);
  EXPECT_EQ(json["phases"][0]["macs"], 123456);
  EXPECT_FALSE(json["phases"][0].contains("seconds"));
  const auto run = nlohmann::json::parse(run_json(sample()));
  EXPECT_EQ(run["phases"][0]["seconds"], 7.5);
  EXPECT_EQ(run["phases"][0]["energy_j"], 140);
}

TEST(Report, HtmlEscapesAndNeedsNoNetwork) {
  const std::string html = report_html(sample());
  EXPECT_THAT(html, HasSubstr("A board &amp; more"));
  EXPECT_THAT(html, HasSubstr("needs &lt;more&gt;"));
  EXPECT_THAT(html, Not(HasSubstr("<data>")));
  EXPECT_THAT(html, Not(HasSubstr("http")));
  EXPECT_THAT(html, Not(HasSubstr("nan")));
}

TEST(Report, SummarySaysWhatDoesNotFit) {
  DesignResult result = sample();
  EXPECT_THAT(summary_text(result), HasSubstr("67 % of 3.00 mJ"));
  EXPECT_THAT(summary_text(result), HasSubstr("-0.20 points (91.20 % in float)"));
  result.result.ram_bytes = 8000;
  EXPECT_THAT(summary_text(result), HasSubstr("2 x 4,000 B: DOES NOT FIT"));
}

TEST(Svg, TicksAreRound) {
  const std::string svg = line_plot({"x", 0, 10, false}, {"y", 0, 1, false}, {{"l", "a", {0, 10}, {0, 1}}});
  for (const char* tick : {">0<", ">2<", ">10<", ">0.2<", ">1<"}) EXPECT_THAT(svg, HasSubstr(tick));
}

}  // namespace
}  // namespace mj
