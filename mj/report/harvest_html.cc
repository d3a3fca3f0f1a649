// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "mj/base/text.h"
#include "mj/base/units.h"
#include "mj/report/harvest.h"
#include "mj/report/html_parts.h"
#include "mj/report/style.h"
#include "mj/report/svg.h"
#include "mj/report/timeline_script.h"

namespace mj {
namespace {

/// 45.2 s, 3.40 h, 194 d.
std::string long_time(double seconds) {
  if (seconds < 600) return to_text(Seconds{seconds});
  if (seconds < 2 * 86400) return fmt::format("{:.1f} h", seconds / 3600);
  return fmt::format("{:.0f} d", seconds / 86400);
}

template <class F>
std::string list(const std::vector<TimelineBucket>& timeline, F&& text) {
  std::string out;
  for (const TimelineBucket& bucket : timeline) {
    if (!out.empty()) out += ',';
    out += text(bucket);
  }
  return "[" + out + "]";
}

std::string timeline_data(const HarvestComparison& result) {
  const SimulationResult& run = result.runs.front();
  const Harvester& h = result.scene.harvester;
  const double c = result.scene.capacitor.capacitance_f;
  const auto volts = [c](double joules) { return fmt::format("{:.4g}", std::sqrt(2 * std::max(0.0, joules) / c)); };
  const auto& t = run.timeline;
  std::string out = fmt::format("{{\"step\":{},\"on_v\":{},\"off_v\":{},\"full\":{},\n", number_text(run.timeline_step_s), number_text(h.turn_on_v.value),
                                number_text(h.turn_off_v.value), number_text(h.full_v.value));
  out += "\"low\":" + list(t, [&](const TimelineBucket& b) { return volts(b.lowest_j); }) + ",\n";
  out += "\"high\":" + list(t, [&](const TimelineBucket& b) { return volts(b.highest_j); }) + ",\n";
  out += "\"on\":" + list(t, [&](const TimelineBucket& b) { return fmt::format("{:.3g}", std::min(1.0, b.on_s / run.timeline_step_s)); }) + ",\n";
  out += "\"progress\":" + list(t, [](const TimelineBucket& b) { return fmt::format("{:.3g}", b.progress); }) + ",\n";
  out += "\"answers\":" + list(t, [](const TimelineBucket& b) { return std::to_string(b.answers); }) + ",\n";
  out += "\"correct\":" + list(t, [](const TimelineBucket& b) { return std::to_string(b.correct); }) + ",\n";
  return out + "\"cuts\":" + list(t, [](const TimelineBucket& b) { return std::to_string(b.cuts); }) + "}";
}

std::string cards(const HarvestComparison& result) {
  const SimulationResult& run = result.runs.front();
  const auto share = [](double part, double whole) { return whole > 0 ? part / whole : 0; };
  std::string html = "<div class=\"cards\">\n";
  html += card("answers per hour", fmt::format("{:.4g}", run.per_hour(run.answers)), fmt::format("{} in {}", thousands(run.answers), long_time(run.duration_s)));
  if (run.correct) {
    html += card("correct per hour", fmt::format("{:.4g}", run.per_hour(*run.correct)),
                 "accuracy " + percent(share(static_cast<double>(*run.correct), static_cast<double>(run.answers)), 1));
  }
  html += card("inputs without answer", percent(share(static_cast<double>(run.missed()), static_cast<double>(run.inputs)), 1),
               fmt::format("{} of {}", thousands(run.missed()), thousands(run.inputs)));
  html += card("power cuts", thousands(run.cuts), fmt::format("{:.2g} per answer", share(static_cast<double>(run.cuts), static_cast<double>(run.answers))));
  html += card("on", percent(share(run.on_s, run.duration_s), 1), run.first_on_s ? "first after " + long_time(*run.first_on_s) : "never turned on");
  html += card("input to answer", to_text(Seconds{run.completion_s.quantile(0.5)}), "95 % within " + to_text(Seconds{run.completion_s.quantile(0.95)}));
  return html + "</div>\n";
}

std::string energy_bars(const EnergyBooks& books) {
  std::vector<Bar> bars;
  for (const auto& [name, joules] : energy_terms(books)) {
    bars.push_back({name, joules, fmt::format("{}, {}", si_text(joules, "J"), percent(books.in() > 0 ? joules / books.in() : 0, 1))});
  }
  return bar_chart(bars);
}

std::string completion_bars(const SimulationResult& run) {
  const std::vector<LogHistogram::Bin> bins = run.completion_s.bins();
  if (bins.empty()) return "<p>No answer was given.</p>";
  // Few enough bars to read: neighbours are joined.
  const std::size_t joined = (bins.size() + 19) / 20;
  std::vector<Bar> bars;
  for (std::size_t i = 0; i < bins.size(); i += joined) {
    std::int64_t count = 0;
    const std::size_t end = std::min(bins.size(), i + joined);
    for (std::size_t j = i; j < end; ++j) count += bins[j].count;
    bars.push_back({to_text(Seconds{bins[i].low}) + " to " + to_text(Seconds{bins[end - 1].high}), static_cast<double>(count), thousands(count)});
  }
  return bar_chart(bars);
}

std::string reboot_bars(const SimulationResult& run) {
  std::vector<Bar> bars;
  const std::size_t joined = (run.reboots_per_inference.size() + 15) / 16;
  for (std::size_t i = 0; i < run.reboots_per_inference.size(); i += joined) {
    std::int64_t count = 0;
    const std::size_t end = std::min(run.reboots_per_inference.size(), i + joined);
    for (std::size_t j = i; j < end; ++j) count += run.reboots_per_inference[j];
    const std::string name = joined == 1 ? std::to_string(i) : fmt::format("{} to {}", i, end - 1);
    bars.push_back({name, static_cast<double>(count), thousands(count)});
  }
  return bar_chart(bars);
}

std::string policy_table(const HarvestComparison& result) {
  std::string html =
      "<div class=\"scroll\"><table><tr><th>policy</th><th>answers</th><th>correct</th><th>correct per hour</th><th>accuracy</th><th>of bound</th>"
      "<th>missed</th><th>cuts</th><th>useful</th><th class=\"text\">answers at each exit</th></tr>\n";
  std::int64_t best = 0;
  for (const SimulationResult& run : result.runs) {
    if (run.policy != "clairvoyant") best = std::max(best, run.correct.value_or(run.answers));
  }
  for (const SimulationResult& run : result.runs) {
    std::string exits;
    for (std::size_t k = 0; k < result.exits.size(); ++k) exits += fmt::format("{}{}: {}", k > 0 ? ", " : "", escaped(result.exits[k]), thousands(run.answers_at_exit[k]));
    const bool chosen = run.policy != "clairvoyant" && run.correct.value_or(run.answers) == best && best > 0;
    const double answers = static_cast<double>(run.answers);
    html += fmt::format(
        "<tr class=\"{}\"><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"text\">{}</td></tr>\n",
        chosen ? "chosen" : "", escaped(run.policy), thousands(run.answers), run.correct ? thousands(*run.correct) : "",
        run.correct ? fmt::format("{:.4g}", run.per_hour(*run.correct)) : "", run.correct && run.answers > 0 ? percent(static_cast<double>(*run.correct) / answers, 1) : "",
        run.correct && result.most_correct && *result.most_correct > 0 ? percent(static_cast<double>(*run.correct) / *result.most_correct, 1) : "",
        percent(run.inputs > 0 ? static_cast<double>(run.missed()) / static_cast<double>(run.inputs) : 0, 1), thousands(run.cuts), si_text(run.books.useful, "J"), exits);
  }
  html += "</table></div>\n";
  if (result.most_correct) {
    html += fmt::format("<p>Upper bound: {} correct answers, by dynamic programming over the stored energy with the whole trace known. The clairvoyant "
                        "policy knows each image's outcome, not the trace.</p>\n", thousands(static_cast<std::int64_t>(*result.most_correct)));
  }
  return html;
}

}  // namespace

std::string harvest_html(const HarvestComparison& result) {
  const SimulationResult& run = result.runs.front();
  const HarvestScene& scene = result.scene;
  const std::string title = fmt::format("{} on {}", result.plan.name.empty() ? "firmware" : result.plan.name, scene.trace.substr(scene.trace.find_last_of('/') + 1));
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
      "<title>{0}: millijoule simulation</title>\n<style>{1}{2}</style></head>\n<body><main>\n<h1>{0}</h1>\n",
      escaped(title), kStyle, kTimelineStyle);
  const std::string inputs = scene.options.period_s > 0 ? "an input every " + to_text(Seconds{scene.options.period_s}) : "inferences back to back";
  html += fmt::format("<p class=\"lead\">{} of harvested energy, {} {} capacitor, harvester {}, {}, policy {}.</p>\n", long_time(run.duration_s),
                      si_text(scene.capacitor.capacitance_f, "F"), escaped(scene.capacitor.family), escaped(scene.harvester.name), inputs, escaped(run.policy));
  html += cards(result);
  html += "<h2>Timeline</h2>\n<p class=\"tools\"><button id=\"zoom-in\">closer</button><button id=\"zoom-out\">wider</button><button id=\"zoom-all\">all</button></p>\n";
  html += figure("<svg id=\"timeline\" viewBox=\"0 0 1064 410\" role=\"img\"></svg>",
                 "Capacitor voltage (lowest to highest), power cuts (red ticks), share of the time on, progress of the inference, answers (green: correct; "
                 "red: wrong or unknown). The wheel zooms, dragging moves, a double click shows all.");
  html += "<script type=\"application/json\" id=\"timeline-data\">" + timeline_data(result) + "</script>\n";
  html += "<h2>Where the energy went</h2>\n";
  html += figure(energy_bars(run.books), fmt::format("{} harvested; the books balance to {:.1e} of the total.", si_text(run.books.harvested, "J"), run.books.balance_error()));
  html += "<div class=\"pair\"><div><h2>Input to answer</h2>\n" + figure(completion_bars(run), "Answers by the time they took.") + "</div>\n";
  html += "<div><h2>Reboots per inference</h2>\n" + figure(reboot_bars(run), "Inferences by how often the power went meanwhile.") + "</div></div>\n";
  if (result.runs.size() > 1 || result.most_correct) html += "<h2>Policies</h2>\n" + policy_table(result);
  const TraceRepairs& r = run.repairs;
  if (r.count() > 0) {
    html += fmt::format("<h2>Trace</h2>\n<p>Repaired: {} gaps closed ({}), {} times that jump back, {} samples not numbers, {} below zero, {} rows with other separators.</p>\n",
                        r.gaps, to_text(Seconds{r.gap_s}), r.backward, r.not_a_number, r.negative, r.mixed_separators);
  }
  return html + "<script>" + kTimelineScript + "</script>\n</main></body></html>\n";
}

}  // namespace mj
