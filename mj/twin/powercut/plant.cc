// SPDX-License-Identifier: Apache-2.0

// Faults that a test of power cuts must find, each one that people make.
#include <algorithm>
#include <regex>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/text.h"
#include "mj/twin/powercut/program.h"

namespace mj {
namespace {

/// A source file that is changed.
class SourceText {
 public:
  explicit SourceText(std::filesystem::path path) : path_(std::move(path)), text_(read_text(path_)) {}

  const std::string& text() const { return text_; }
  /// Replaces what is there exactly once.
  void replace(const std::string& from, const std::string& to) {
    const std::size_t at = text_.find(from);
    if (at == std::string::npos || text_.find(from, at + 1) != std::string::npos) {
      fail("{}: the code is not as emitted: '{}' does not stand there once", path_.filename().string(), from);
    }
    text_.replace(at, from.size(), to);
    write_file(path_, text_);
  }

 private:
  std::filesystem::path path_;
  std::string text_;
};

std::string capitals(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

/// The sum of a residual block is written over its first summand.
void plant_in_place_residual(SourceText code) {
  static const std::regex addition(R"(mj_add\(&\w+, unit->tile, arena \+ AT_(\d+), arena \+ AT_(\d+), arena \+ AT_(\d+)\))");
  std::smatch found;
  if (!std::regex_search(code.text(), found, addition)) fail("this network adds no two activations");
  const std::string sum = found[3], summand = found[1];
  const auto macro = [&](const std::string& value) {
    const std::regex line("#define AT_" + value + R"( (\d+) )");
    std::smatch match;
    if (!std::regex_search(code.text(), match, line)) fail("the code is not as emitted: AT_{} is not defined", value);
    return std::pair(match.str(0), match.str(1));
  };
  code.replace(macro(sum).first, fmt::format("#define AT_{} {} ", sum, macro(summand).second));
}

/// A unit is committed before its results are stored.
void plant_commit_before_data(SourceText code, const std::string& macro) {
  const std::string run = "  run_unit(state, tiling, &unit);\n";
  const std::string commit = fmt::format("  mj_commit(&state->kept->kept, {}_UNITS, &state->lost.position);\n", macro);
  // Between the two there may be a decision.
  const std::size_t begin = code.text().find(run), end = code.text().find(commit, begin);
  if (begin == std::string::npos || end == std::string::npos) fail("the code is not as emitted: no unit is run and committed");
  const std::string between = code.text().substr(begin + run.size(), end - begin - run.size());
  code.replace(run + between + commit, between + commit + run);
}

/// Units that a sum is split over in each tiling of the emitted table.
std::vector<std::int64_t> pieces_of_sums(const std::string& code) {
  static const std::regex row(R"(\n    \{(\d+)u(?:, -?\d+){6}, (\d+), (\d+)\},)");
  std::vector<std::int64_t> pieces;
  for (std::sregex_iterator it(code.begin(), code.end(), row), end; it != end; ++it) {
    const std::int64_t depth = parse_integer((*it)[2].str()).value_or(0), step = parse_integer((*it)[3].str()).value_or(0);
    pieces.push_back(step > 0 ? (depth + step - 1) / step : 1);
  }
  return pieces;
}

/// Partial sums are added up in one place.
void plant_in_place_partials(SourceText code) {
  static const std::regex sums(R"(case (\d+): \{[^}]*?mj_part_of\(unit, (arena \+ \d+), (arena \+ \d+)\))");
  const std::vector<std::int64_t> pieces = pieces_of_sums(code.text());
  const std::string text = code.text();
  for (std::sregex_iterator it(text.begin(), text.end(), sums), end; it != end; ++it) {
    const auto tiling = static_cast<std::size_t>(parse_integer((*it)[1].str()).value_or(0));
    // Of two pieces the first only writes and the second only reads.
    if (tiling >= pieces.size() || pieces[tiling] < 3) continue;
    const std::string call = fmt::format("mj_part_of(unit, {}, {})", (*it)[2].str(), (*it)[3].str());
    return code.replace(call, fmt::format("mj_part_of(unit, {0}, {0})", (*it)[2].str()));
  }
  fail("no sum of this network is split over three or more units");
}

/// Which unit comes next is remembered in volatile memory.
void plant_stale_volatile_cache(SourceText code, SourceText header, const std::string& macro) {
  const std::string member = "  uint16_t position;";
  header.replace(member, "  uint16_t cached;\n" + member);
  static const std::regex bytes(R"(_VOLATILE_BYTES (\d+)\n)");
  std::smatch found;
  if (!std::regex_search(header.text(), found, bytes)) fail("{}_VOLATILE_BYTES is not defined", macro);
  header.replace(found.str(0), fmt::format("_VOLATILE_BYTES {}\n", parse_integer(found.str(1)).value_or(0) + 2));
  const std::string find = "  tiling = mj_find_unit(tilings, number(state), &unit);\n";
  code.replace(find, find + R"(  if (number(state) != tilings[tiling].first) {
    uint16_t n = (uint16_t)(state->lost.cached + 1u);
    if (n < tilings[tiling].first || n >= tilings[tiling + 1].first) {
      n = tilings[tiling].first;
    }
    tiling = mj_find_unit(tilings, n, &unit);
  }
  state->lost.cached = number(state);
)");
}

/// The unit behind a decision asks again, as if it had not been taken.
void plant_re_decide(SourceText code, const std::string& macro) {
  const std::string header = "_step_until(";
  if (code.text().find(header) == std::string::npos) fail("this network has no exits");
  const std::string find = "  tiling = mj_find_unit(tilings, number(state), &unit);\n";
  code.replace(find, fmt::format(R"(  if (go_on != NULL && number(state) != 0) {{
    --state->lost.position;
    tiling = stops(state, go_on, context);
    ++state->lost.position;
    if (tiling != 0) {{
      mj_commit_end(&state->kept->kept, {}_UNITS, &state->lost.position);
      return 1;
    }}
  }}
)", macro) + find);
}

}  // namespace

const std::vector<std::string>& seed_bug_names() {
  static const std::vector<std::string> names{"in-place-residual", "commit-before-data", "in-place-partials", "stale-volatile-cache",
                                              "re-decide"};
  return names;
}

void plant_bug(const std::filesystem::path& build, const FirmwareFolder& folder, const std::string& bug) {
  const std::string macro = capitals(folder.name);
  const std::filesystem::path code = build / (folder.name + ".c");
  with_context("seed bug '" + bug + "'", [&] {
    if (bug == "in-place-residual") return plant_in_place_residual(SourceText(code));
    if (bug == "commit-before-data") return plant_commit_before_data(SourceText(code), macro);
    if (bug == "in-place-partials") return plant_in_place_partials(SourceText(code));
    if (bug == "stale-volatile-cache") return plant_stale_volatile_cache(SourceText(code), SourceText(build / (folder.name + ".h")), macro);
    if (bug == "re-decide") return plant_re_decide(SourceText(code), macro);
    fail("is unknown; expected {}", fmt::join(seed_bug_names(), ", "));
  });
}

}  // namespace mj
