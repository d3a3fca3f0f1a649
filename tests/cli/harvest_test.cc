// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "command_line.h"

namespace mj {
namespace {

using testing::HasSubstr;

/// Forty units of 25 uJ and 4 ms; exits after the tenth and at the end; a network that is right on even images.
class Harvest : public testing::Test {
 protected:
  void SetUp() override {
    nlohmann::json manifest = {{"name", "toy"}, {"platform", "msp430fr5994"}, {"commit_energy_j", 1e-7}, {"boot_energy_j", 5e-6}, {"units", nlohmann::json::array()}};
    for (int i = 0; i < 40; ++i) {
      manifest["units"].push_back({{"index", i}, {"node", 0}, {"op", "conv2d"}, {"energy_j", 25e-6}, {"cycles", 32000}, {"nvm_read_bytes", 0}, {"nvm_write_bytes", 0}});
    }
    manifest["exits"] = {{{"name", "exit1"}, {"unit", 9}}, {{"name", "logits"}, {"unit", 39}}};
    write_file(folder_ / "toy/manifest.json", manifest.dump());
    std::string outcomes = "label,exit1_answer,exit1_confidence,logits_answer,logits_confidence\n";
    for (int i = 0; i < 200; ++i) outcomes += i % 2 == 0 ? "1,1,0.9,1,0.95\n" : "1,0,0.4,1,0.8\n";
    write_file(folder_ / "outcomes.csv", outcomes);
  }
  Ran run(std::vector<std::string> arguments) { return millijoule(std::move(arguments), folder_.path()); }

  ScratchFolder folder_;
};

TEST_F(Harvest, SimulatesAndReports) {
  const std::vector<std::string> arguments = {"simulate", "toy", "--trace", "square:2mW,period=4s,duty=0.5", "--duration", "1h", "--capacitor", "220uF",
                                              "--policy", "all", "--outcomes", "outcomes.csv", "--json", "r.json", "--report", "r.html"};
  const Ran ran = run(arguments);
  ASSERT_EQ(ran.exit_code, 0) << ran.errors;
  EXPECT_THAT(ran.output, HasSubstr("(upper bound)"));
  const std::string text = read_text(folder_ / "r.json"), page = read_text(folder_ / "r.html");
  const auto json = nlohmann::json::parse(text);
  EXPECT_GT(json["answers"], 100);
  EXPECT_EQ(json["correct"], json["answers"]);  // the whole network is always right
  EXPECT_LT(json["balance_error"], 1e-9);
  EXPECT_GT(json["reboots"], 100);
  EXPECT_NEAR(json["answers_per_hour"].get<double>(), json["answers"].get<double>(), 1e-6);
  double out = 0;
  for (const auto& [name, joules] : json["energy_j"].items()) out += name == "stored_start" || name == "harvested" ? 0 : joules.get<double>();
  EXPECT_NEAR(out, json["energy_j"]["harvested"].get<double>(), 1e-6 * out);  // nine digits each
  EXPECT_THAT(page, HasSubstr("timeline-data"));
  EXPECT_THAT(page, testing::Not(HasSubstr("http://www.w3.org/1999")));
  EXPECT_EQ(run(arguments).exit_code, 0);
  EXPECT_EQ(read_text(folder_ / "r.json"), text);
  EXPECT_EQ(read_text(folder_ / "r.html"), page);
}

TEST_F(Harvest, SizesACapacitor) {
  const Ran ran = run({"size", "toy", "--trace", "square:2mW,period=4s,duty=0.5", "--duration", "1h", "--outcomes", "outcomes.csv", "--capacitors",
                       "1uF,100uF,1mF", "--budgets", "0.9mJ", "--json", "-"});
  ASSERT_EQ(ran.exit_code, 0) << ran.errors;
  const auto json = nlohmann::json::parse(ran.output);
  EXPECT_EQ(json["points"].size(), 1u + 2 * 6);
  EXPECT_THAT(json["points"][0]["refusal"].get<std::string>(), HasSubstr("the smallest that could is"));
  double volume = 0, best = 0;
  for (const auto& point : json["points"]) {
    if (!point.value("pareto", false)) continue;
    EXPECT_GT(point["volume_mm3"], volume);
    EXPECT_GT(point["correct_per_hour"], best);
    volume = point["volume_mm3"], best = point["correct_per_hour"];
  }
  EXPECT_GT(best, 0);
}

TEST_F(Harvest, SaysWhatIsWrong) {
  const auto said = [&](std::vector<std::string> more, std::vector<std::string> start = {"simulate", "toy", "--trace", "constant:2mW", "--duration", "1h"}) {
    start.insert(start.end(), more.begin(), more.end());
    const Ran ran = run(start);
    EXPECT_EQ(ran.exit_code, 1);
    const std::size_t at = ran.errors.find("millijoule: ");
    return at == std::string::npos ? ran.errors : ran.errors.substr(at);
  };
  EXPECT_EQ(said({"--capacitor", "100 mA"}), "millijoule: '100 mA': unknown unit 'mA' for a capacitance; expected one of F, mF, uF, nF\n");
  EXPECT_EQ(said({"--capacitor", "4.7uF"}),
            "millijoule: a capacitor of 4.70 uF holds 10.8 uJ from turn-on to turn-off; boot and the largest unit take 33.4 uJ; the smallest that could is 14.6 uF\n");
  EXPECT_EQ(said({"--capacitor", "100uF", "--policy", "confidence"}), "millijoule: policy 'confidence' looks at confidences; give --data and --model, or --outcomes\n");
  EXPECT_EQ(said({"--capacitor", "100uF", "--turn-on", "2V"}), "millijoule: the device turns off at 2.10 V and on at 2.00 V; expected it to turn off below\n");
  EXPECT_EQ(said({"--capacitor", "100uF"}, {"simulate", "toy", "--trace", "constant:2V", "--duration", "1h"}),
            "millijoule: a trace of voltages needs the resistance of its source; give --source-resistance, e.g. 30kohm\n");
  EXPECT_EQ(said({"--capacitor", "100uF", "--data", "fashion-mnist"}),
            "millijoule: --data needs --model, and the other way round: the network's answers decide what is correct\n");
  EXPECT_EQ(said({"--capacitor", "100uF", "--on", "twin", "--policy", "all"}),
            "millijoule: --on twin runs the program of the folder, which goes on at every exit; expected --policy full\n");
  EXPECT_EQ(said({"--capacitor", "100uF", "--on", "twin"}, {"simulate", "toy", "--trace", "constant:2mW"}),
            "millijoule: the emulated device executes every instruction; give the seconds to compare, e.g. --duration 20s\n");
  const Ran never = run({"simulate", "toy", "--trace", "constant:20uW", "--duration", "1h", "--capacitor", "100uF", "--json", "-"});
  EXPECT_EQ(never.exit_code, 0);
  EXPECT_THAT(never.errors, HasSubstr("the device never turned on: the capacitor reached 788 mV of 3.00 V in 3600 s"));
  EXPECT_EQ(nlohmann::json::parse(never.output)["answers"], 0);
}

}  // namespace
}  // namespace mj
