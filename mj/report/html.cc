// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "mj/base/text.h"
#include "mj/report/exits.h"
#include "mj/report/html_parts.h"
#include "mj/report/report.h"
#include "mj/report/style.h"
#include "mj/report/svg.h"

namespace mj {
namespace {

/// A card whose bar shows how much of a limit is used.
std::string limited_card(const std::string& name, const std::string& figure, double share, const std::string& limit,
                         const std::string& note) {
  return fmt::format(
      "<div class=\"card\"><div class=\"name\">{}</div><div class=\"figure\">{}</div><div class=\"meter{}\"><i style=\"width:{:.0f}%\">"
      "</i></div><div class=\"note\">{:.0f} % of {}; {}</div></div>\n",
      name, figure, share > 1 ? " over" : "", std::min(share, 1.0) * 100, share * 100, limit, note);
}

std::string cards(const DesignResult& r) {
  const auto share = [](double used, double limit) { return limit > 0 ? used / limit : 0; };
  std::string html = "<div class=\"cards\">\n";
  html += card("accuracy on test, int8", percent(r.result.accuracy),
               fmt::format("teacher {}; float {}", percent(r.teacher.accuracy), percent(r.student_float_accuracy)));
  html += limited_card("energy per inference", to_text(r.result.energy), share(r.result.energy.value, r.limits.energy.value),
                       to_text(r.limits.energy), "teacher " + to_text(r.teacher.energy));
  html += card("latency", to_text(r.result.latency), "teacher " + to_text(r.teacher.latency));
  html += limited_card("non-volatile memory", bytes_text(r.result.nvm_bytes),
                       share(static_cast<double>(r.result.nvm_bytes), static_cast<double>(r.limits.nvm)),
                       bytes_text(r.limits.nvm), "teacher " + bytes_text(r.teacher.nvm_bytes));
  html += limited_card("RAM, stack included", bytes_text(r.result.ram_bytes),
                       share(static_cast<double>(r.result.ram_bytes), static_cast<double>(r.limits.ram)),
                       bytes_text(r.limits.ram), "teacher " + bytes_text(r.teacher.ram_bytes));
  return html + "</div>\n";
}

std::string candidate_plot(const DesignResult& r) {
  std::vector<double> energies = {r.limits.energy.value * 1e3, r.teacher.energy.value * 1e3};
  std::vector<double> sizes = {static_cast<double>(r.teacher.parameters)};
  std::vector<Point> points;
  for (const Candidate& c : r.candidates) {
    energies.push_back(c.energy.value * 1e3);
    sizes.push_back(static_cast<double>(c.parameters));
    points.push_back({c.energy.value * 1e3, static_cast<double>(c.parameters), c.chosen ? "chosen" : c.fits ? "fits" : "lost",
                      fmt::format("{}: {}, {}", c.student.name, to_text(c.energy), c.verdict),
                      c.chosen ? c.student.name : ""});
  }
  // The chosen one last, so that it lies on top.
  std::stable_partition(points.begin(), points.end(), [](const Point& p) { return p.css_class != "chosen"; });
  points.push_back({r.teacher.energy.value * 1e3, static_cast<double>(r.teacher.parameters), "teacher", r.teacher.name, "teacher"});
  return scatter_plot(axis_for("energy per inference, mJ", energies, false, true), axis_for("parameters", sizes, false, true),
                      points, {{r.limits.energy.value * 1e3, "budget " + to_text(r.limits.energy)}});
}

std::string candidate_table(const DesignResult& r) {
  std::string html =
      "<div class=\"scroll\"><table><tr><th>student</th><th>parameters</th><th>MACs</th><th>energy</th><th>latency</th><th>NVM</th>"
      "<th>RAM</th><th>probe</th><th class=\"text\">why</th></tr>\n";
  for (const Candidate& c : r.candidates) {
    html += fmt::format(
        "<tr class=\"{}\"><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"text\">{}</td></tr>\n",
        c.chosen ? "chosen" : c.fits ? "" : "out", escaped(c.student.name), thousands(c.parameters), thousands(c.macs),
        to_text(c.energy), to_text(c.latency), bytes_text(c.nvm_bytes), bytes_text(c.ram_bytes),
        c.probe_accuracy ? percent(*c.probe_accuracy) : "", escaped(c.verdict));
  }
  return html + "</table></div>\n";
}

std::string arms_text(const Derived& derived) {
  if (derived.arms.empty()) return {};
  std::string html = "<p class=\"note\">Temperature and weight were derived: the teacher's confidence suggests ";
  html += fmt::format("{:.3g}; short trainings gave", derived.softening > 0 ? derived.softening : derived.temperature);
  const char* separator = " ";
  for (const Arm& arm : derived.arms) {
    html += fmt::format("{}{:.2f} % at temperature {:.3g}, weight {:.3g}", separator, 100 * arm.accuracy, arm.temperature, arm.alpha);
    separator = "; ";
  }
  return html + ".</p>\n";
}

std::string training_plot(const DesignResult& r) {
  Line accuracy{"validation accuracy of the student, %", "a", {}, {}};
  Line teacher{fmt::format("teacher, {}", percent(r.teacher_validation_accuracy)), "b", {}, {}};
  std::vector<double> values = {r.teacher_validation_accuracy * 100};
  for (std::size_t i = 0; i < r.epoch_accuracy.size(); ++i) {
    accuracy.x.push_back(static_cast<double>(i + 1));
    accuracy.y.push_back(r.epoch_accuracy[i] * 100);
    values.push_back(r.epoch_accuracy[i] * 100);
  }
  const double last = std::max<double>(2, static_cast<double>(r.epoch_accuracy.size()));
  teacher.x = {1, last};
  teacher.y = {values[0], values[0]};
  return line_plot({"epoch", 1, last, false}, axis_for("accuracy, %", values, false), {accuracy, teacher});
}

std::string layer_bars(const DesignResult& r) {
  std::vector<Bar> bars;
  for (const LayerEstimate& layer : r.estimate.layers) {
    if (layer.energy.value <= 0) continue;
    bars.push_back({layer.name.empty() ? layer.op : layer.name, layer.energy.value,
                    fmt::format("{}, {:.0f} %", to_text(layer.energy), layer.energy / r.estimate.energy * 100)});
  }
  return bar_chart(bars);
}

std::string memory_plot(const DesignResult& r) {
  if (!r.lowered.plan) return {};
  std::vector<std::string> steps = {"input"};
  for (const Node& node : r.lowered.nodes) steps.push_back(node.name.empty() ? op_name(node.op) : node.name);
  const auto last_step = static_cast<std::int64_t>(r.lowered.nodes.size());
  std::vector<Block> blocks;
  for (const Buffer& buffer : r.lowered.plan->buffers) {
    blocks.push_back({r.lowered.value(buffer.value).name, buffer.first + 1,
                      std::min<std::int64_t>(buffer.last + 1, last_step), buffer.offset, buffer.size});
  }
  return memory_map(blocks, steps, r.lowered.plan->arena_bytes);
}

std::string measured_free_phases(const DesignResult& r) {
  std::string html = "<table><tr><th>phase</th><th>multiply-accumulates</th></tr>\n";
  for (const Phase& phase : r.phases) {
    html += fmt::format("<tr><td>{}</td><td>{}</td></tr>\n", escaped(phase.name), phase.macs == 0 ? "" : thousands(phase.macs));
  }
  return html + "</table>\n";
}

std::string exits_section(const DesignResult& r) {
  const ExitsJobResult& exits = *r.exits;
  std::string html = "<h2>Answers before the end</h2>\n";
  html += figure(exits_plot(exits), fmt::format("Test accuracy over energy, float. Thresholds were fitted on validation; those chosen give {} for {} on "
                                                "average, against {} for {} at the end of the network without exits.",
                                                percent(exits.chosen.test.accuracy), to_text(Joules(exits.chosen.test.energy_j)),
                                                percent(exits.full_accuracy), to_text(exits.full_energy)));
  html += "<div class=\"scroll\"><table><tr>";
  std::vector<std::string> header = exits_header();
  header.insert(header.begin() + 3, "int8");
  for (const std::string& name : header) html += "<th>" + name + "</th>";
  html += "</tr>\n";
  const std::vector<std::vector<std::string>> rows = exits_rows(exits);
  for (std::size_t k = 0; k < rows.size(); ++k) {
    std::vector<std::string> cells = rows[k];
    cells.insert(cells.begin() + 3, k < r.int8_exit_accuracy.size() ? percent(r.int8_exit_accuracy[k]) : "");
    html += "<tr>";
    for (const std::string& cell : cells) html += "<td>" + escaped(cell) + "</td>";
    html += "</tr>\n";
  }
  return html + fmt::format("</table></div>\n<p class=\"note\">All exits share one head: {} parameters, {} in int8, {} of state kept from one exit "
                            "to the next. \"Asking\" is the energy of an exit's own operators.</p>\n",
                            thousands(exits.head_parameters), bytes_text(exits.head_bytes), bytes_text(exits.state_bytes));
}

}  // namespace

std::string report_html(const DesignResult& r) {
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
      "<title>{0}: millijoule report</title>\n<style>{1}</style></head>\n<body><main>\n<h1>{0}</h1>\n",
      escaped(r.spec.name), kStyle);
  html += fmt::format(
      "<p class=\"lead\">{} distilled from {} on {}, as int8 firmware for {}.</p>\n", escaped(r.result.name), escaped(r.teacher.name),
      escaped(r.spec.data), escaped(r.platform.title));
  html += cards(r);
  html += "<h2>Which student</h2>\n";
  html += figure(candidate_plot(r),
                 "Every student of the family: grey does not fit the budget or the memory, blue fits, green was chosen. "
                 "Energy as estimated for the emitted code.");
  html += candidate_table(r);
  html += "<div class=\"pair\"><div><h2>Distillation</h2>\n";
  html += figure(training_plot(r), fmt::format("{} epochs over {} images, temperature {:.3g}, weight of the teacher {:.3g}; choices on "
                                               "{} validation images, test read once.",
                                               r.spec.epochs, thousands(r.train_images), r.derived.temperature, r.derived.alpha,
                                               thousands(r.validation_images)) + arms_text(r.derived));
  html += "</div><div><h2>Memory over one inference</h2>\n";
  html += figure(memory_plot(r), "Buffers in the arena: address upwards, steps to the right.");
  html += "</div></div>\n<div class=\"pair\"><div><h2>Where the energy goes</h2>\n";
  const std::string source = r.platform.accelerator ? fmt::format("energy: {}.", r.platform.accelerator->energy_source.text)
                                                    : fmt::format("{:.0f} cycles in all; source of the cost lines: {}.",
                                                                  r.estimate.cycles, r.platform.kernels[0].source.text);
  html += figure(layer_bars(r), escaped(source));
  html += "</div><div><h2>What is mistaken for what</h2>\n";
  html += figure("<div class=\"scroll\">" + heat_map(r.class_names, r.confusion) + "</div>",
                 fmt::format("Rows: label; columns: answer of the int8 student on {} test images.", thousands(r.test_images)));
  html += "</div></div>\n";
  if (r.exits) html += exits_section(r);
  html += "<h2>Checks</h2>\n";
  html += fmt::format(
      "<p>The emitted C, compiled for the host, gave the same {} bytes of output as the reference evaluator on {} images; {} differ. "
      "int8 against float: {:+.2f} points.</p>\n",
      thousands(r.host_check.bytes), thousands(r.host_check.samples), thousands(r.host_check.differing),
      (r.result.accuracy - r.student_float_accuracy) * 100);
  html += "<h2>Cost of the design</h2>\n" + measured_free_phases(r);
  html += "<p>Seconds and joules of this run are in run.json.</p>\n</main></body></html>\n";
  return html;
}

}  // namespace mj
