// SPDX-License-Identifier: Apache-2.0
#include "mj/report/exits.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "mj/base/text.h"
#include "mj/base/units.h"
#include "mj/report/svg.h"

namespace mj {
namespace {

using Json = nlohmann::ordered_json;

Json rounded_list(const std::vector<double>& values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(rounded(value));
  return list;
}

Json json_of(const CurvePoint& point) {
  return {{"thresholds", rounded_list(point.thresholds)},
          {"energy_j", rounded(point.test.energy_j)},
          {"accuracy", rounded(point.test.accuracy)},
          {"validation_accuracy", rounded(point.validation_accuracy)},
          {"answered", rounded_list(point.test.answered)}};
}

}  // namespace

nlohmann::ordered_json exits_json(const ExitsJobResult& result) {
  Json exits = Json::array(), curve = Json::array();
  for (const ExitFigures& exit : result.exits) {
    exits.push_back({{"name", exit.name},
                     {"at", exit.at},
                     {"accuracy", rounded(exit.accuracy)},
                     {"validation_accuracy", rounded(exit.validation_accuracy)},
                     {"energy_j", rounded(exit.energy.value)},
                     {"asking_energy_j", rounded(exit.asking_energy.value)},
                     {"parameters", exit.parameters},
                     {"head_bytes", exit.head_bytes},
                     {"state_bytes", exit.state_bytes},
                     {"temperature", rounded(exit.temperature)}});
  }
  for (const CurvePoint& point : result.curve) curve.push_back(json_of(point));
  return {{"exits", exits},
          {"head_parameters", result.head_parameters},
          {"head_bytes", result.head_bytes},
          {"state_bytes", result.state_bytes},
          {"full_energy_j", rounded(result.full_energy.value)},
          {"full_accuracy", rounded(result.full_accuracy)},
          {"chosen", json_of(result.chosen)},
          {"curve", curve},
          {"n", result.test_images}};
}

std::vector<std::string> exits_header() {
  return {"exit", "after", "accuracy", "energy so far", "asking", "parameters", "bytes", "state", "threshold", "answers here"};
}

std::vector<std::vector<std::string>> exits_rows(const ExitsJobResult& result) {
  std::vector<std::vector<std::string>> rows;
  for (std::size_t k = 0; k < result.exits.size(); ++k) {
    const ExitFigures& exit = result.exits[k];
    const bool end = k + 1 == result.exits.size();
    rows.push_back({exit.name, exit.at, percent(exit.accuracy), to_text(exit.energy), end ? "" : to_text(exit.asking_energy),
                    end ? "" : thousands(exit.parameters), end ? "" : bytes_text(exit.head_bytes),
                    end ? "" : bytes_text(exit.state_bytes), end ? "" : fmt::format("{:.3f}", result.chosen.thresholds[k]),
                    percent(result.chosen.test.answered[k])});
  }
  return rows;
}

std::string exits_plot(const ExitsJobResult& result) {
  Line fixed{"always stopping at one exit", "a", {}, {}}, adaptive{"confidence decides", "b", {}, {}};
  std::vector<double> x, y;
  const auto add = [&](Line& line, double energy_j, double accuracy) {
    line.x.push_back(1e3 * energy_j), line.y.push_back(100 * accuracy);
    x.push_back(line.x.back()), y.push_back(line.y.back());
  };
  for (const ExitFigures& exit : result.exits) add(fixed, exit.energy.value, exit.accuracy);
  for (const CurvePoint& point : result.curve) add(adaptive, point.test.energy_j, point.test.accuracy);
  return line_plot(axis_for("energy per inference (mJ)", x, true), axis_for("test accuracy (%)", y, false), {fixed, adaptive});
}

}  // namespace mj
