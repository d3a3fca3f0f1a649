// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "mj/base/text.h"
#include "mj/report/report.h"

namespace mj {
namespace {

/// "62 % of 3.00 mJ"; above the budget it says so in capitals.
std::string against(double used, double limit, const std::string& limit_text) {
  const double share = used / limit * 100;
  if (used > limit) return fmt::format("{:.3g} x {}: DOES NOT FIT", used / limit, limit_text);
  return fmt::format("{:.0f} % of {}", share, limit_text);
}

}  // namespace

std::string summary_text(const DesignResult& result) {
  const Contender& teacher = result.teacher;
  const Contender& student = result.result;
  const Limits& limits = result.limits;
  const auto ratio = [](double a, double b) { return b > 0 ? fmt::format("{:.3g} x less", a / b) : std::string("-"); };
  const std::vector<std::string> header = {"", "teacher", "result", "change", "budget"};
  const std::vector<std::vector<std::string>> rows = {
      {"network", teacher.name, student.name + " int8", "", ""},
      {"accuracy (test)", percent(teacher.accuracy), percent(student.accuracy),
       fmt::format("{:+.2f} points", (student.accuracy - teacher.accuracy) * 100), ""},
      {"energy", to_text(teacher.energy), to_text(student.energy), ratio(teacher.energy.value, student.energy.value),
       against(student.energy.value, limits.energy.value, to_text(limits.energy))},
      {"latency", to_text(teacher.latency), to_text(student.latency), ratio(teacher.latency.value, student.latency.value), ""},
      {"NVM", bytes_text(teacher.nvm_bytes), bytes_text(student.nvm_bytes),
       ratio(static_cast<double>(teacher.nvm_bytes), static_cast<double>(student.nvm_bytes)),
       against(static_cast<double>(student.nvm_bytes), static_cast<double>(limits.nvm), bytes_text(limits.nvm))},
      {"RAM", bytes_text(teacher.ram_bytes), bytes_text(student.ram_bytes),
       ratio(static_cast<double>(teacher.ram_bytes), static_cast<double>(student.ram_bytes)),
       against(static_cast<double>(student.ram_bytes), static_cast<double>(limits.ram), bytes_text(limits.ram))},
      {"parameters", thousands(teacher.parameters), thousands(student.parameters),
       ratio(static_cast<double>(teacher.parameters), static_cast<double>(student.parameters)), ""},
      {"MACs", thousands(teacher.macs), thousands(student.macs),
       ratio(static_cast<double>(teacher.macs), static_cast<double>(student.macs)), ""}};
  double seconds = 0, joules = 0;
  for (const Phase& phase : result.phases) seconds += phase.seconds, joules += phase.energy_j;
  std::string text = fmt::format("\n{} on {} ({})\n\n", result.spec.name, result.platform.title, result.spec.data);
  text += table_text(header, rows);
  if (result.spec.scenario) text += fmt::format("\nthe budget                   {}", explain(*result.spec.scenario));
  if (!result.derived.arms.empty()) {
    text += fmt::format("\ndistilled at                 temperature {:.3g}, alpha {:.3g}, derived from {} short trainings", result.derived.temperature,
                        result.derived.alpha, result.derived.arms.size());
  }
  if (result.exits) {
    const CurvePoint& chosen = result.exits->chosen;
    text += fmt::format("\nexits                        {}, from {} for {}; by confidence {} for {} on average (float)", result.exits->exits.size() - 1,
                        percent(result.exits->exits.front().accuracy), to_text(result.exits->exits.front().energy),
                        percent(chosen.test.accuracy), to_text(Joules(chosen.test.energy_j)));
  }
  text += fmt::format(
      "\nint8 against float student   {:+.2f} points ({} in float)\n"
      "emitted C against evaluator  {} images, {} bytes of output, {} differ\n"
      "the design itself            {}, {} ({})\n"
      "written to                   {}: report.html, report.json, student.onnx, student_int8.onnx, firmware/\n",
      (student.accuracy - result.student_float_accuracy) * 100, percent(result.student_float_accuracy),
      thousands(result.host_check.samples), thousands(result.host_check.bytes), thousands(result.host_check.differing),
      to_text(Seconds{seconds}), to_text(Joules{joules}), result.energy_source, result.spec.output.string());
  return text;
}

}  // namespace mj
