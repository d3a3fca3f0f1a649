// SPDX-License-Identifier: Apache-2.0
#include "mj/harvest/outcomes.h"

#include <algorithm>
#include <cmath>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/harvest/line_reader.h"
#include "mj/harvest/work_plan.h"

namespace mj {
namespace {

constexpr std::int64_t kMostImages = 10'000'000;

std::vector<std::string_view> cells(std::string_view line) {
  std::vector<std::string_view> out;
  while (true) {
    const std::size_t comma = line.find(',');
    out.push_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return out;
    line.remove_prefix(comma + 1);
  }
}

}  // namespace

double Outcomes::accuracy(std::size_t exit) const {
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < images; ++i) right += correct[at(i, exit)];
  return images > 0 ? static_cast<double>(right) / static_cast<double>(images) : 0;
}

std::uint16_t share_of_32768(double confidence) {
  return static_cast<std::uint16_t>(std::lround(std::clamp(confidence, 0.0, 1.0) * 32768));
}

Outcomes read_outcomes(const std::filesystem::path& path) {
  LineReader lines(path);
  std::string_view line;
  const auto refuse = [&](const std::string& what) { fail("{}:{}: {}", lines.name(), lines.number(), what); };
  if (!lines.next(line)) fail("{}: empty; expected a table of outcomes", lines.name());
  Outcomes out;
  const std::vector<std::string_view> header = cells(line);
  if (header.size() < 3 || header.size() % 2 != 1 || header[0] != "label" || header.size() / 2 > kMostExits) {
    refuse("not a table of outcomes; expected a header 'label,NAME_answer,NAME_confidence,...'");
  }
  for (std::size_t i = 1; i < header.size(); i += 2) {
    const std::string name(header[i].substr(0, header[i].rfind('_')));
    if (header[i] != name + "_answer" || header[i + 1] != name + "_confidence") {
      refuse(fmt::format("columns '{}' and '{}'; expected NAME_answer and NAME_confidence", header[i], header[i + 1]));
    }
    out.exits.push_back(name);
  }
  while (lines.next(line)) {
    if (line.empty()) continue;
    const std::vector<std::string_view> row = cells(line);
    if (row.size() != header.size()) refuse(fmt::format("{} columns; expected {}", row.size(), header.size()));
    const auto label = parse_integer(row[0]);
    if (!label) refuse(fmt::format("label '{}' is not a whole number", row[0]));
    for (std::size_t k = 0; k < out.exits.size(); ++k) {
      const auto answer = parse_integer(row[1 + 2 * k]);
      const auto confidence = parse_number(row[2 + 2 * k]);
      if (!answer) refuse(fmt::format("answer '{}' is not a whole number", row[1 + 2 * k]));
      if (!confidence || !(*confidence >= 0 && *confidence <= 1)) {
        refuse(fmt::format("confidence '{}'; expected 0 to 1", row[2 + 2 * k]));
      }
      out.correct.push_back(*answer == *label);
      out.confidence.push_back(share_of_32768(*confidence));
    }
    if (++out.images > kMostImages) refuse(fmt::format("more than {} images", thousands(kMostImages)));
  }
  if (out.images == 0) fail("{}: no images; expected one per row after the header", lines.name());
  return out;
}

std::string outcomes_text(const std::vector<std::string>& exits, const std::vector<std::int32_t>& labels,
                          const std::vector<std::int32_t>& answers, const std::vector<double>& confidences) {
  MJ_CHECK(answers.size() == labels.size() * exits.size() && confidences.size() == answers.size());
  std::string text = "label";
  for (const std::string& name : exits) text += fmt::format(",{0}_answer,{0}_confidence", name);
  text += '\n';
  for (std::size_t i = 0; i < labels.size(); ++i) {
    text += std::to_string(labels[i]);
    for (std::size_t k = 0; k < exits.size(); ++k) {
      const std::size_t at = i * exits.size() + k;
      text += fmt::format(",{},{:.6f}", answers[at], confidences[at]);
    }
    text += '\n';
  }
  return text;
}

}  // namespace mj
