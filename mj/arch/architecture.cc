// SPDX-License-Identifier: Apache-2.0
#include "mj/arch/architecture.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "mj/arch/family.h"
#include "mj/base/error.h"
#include "mj/base/text.h"

namespace mj {
namespace {

constexpr const ArchitectureFamily* kFamilies[] = {
    &kResnet, &kBottleneck, &kDensenet, &kDensenetCifar, &kVgg, &kMobilenet, &kMobilenetV2, &kDscnn, &kLenet, &kPlain};
constexpr const char* kArchitectureKey = "millijoule.architecture";

const ArchitectureFamily& family_of(std::string_view name) {
  for (const ArchitectureFamily* family : kFamilies) {
    if (family->name == name) return *family;
  }
  fail("unknown architecture family '{}'; known: {}", name, fmt::join(architecture_families(), ", "));
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    std::size_t end = std::min(text.find('-', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

int positive(std::string_view digits, std::string_view what) {
  const auto number = parse_integer(digits);
  if (!number || *number < 1 || *number > 1'000'000) fail("{} '{}' is not a positive whole number", what, digits);
  return static_cast<int>(*number);
}

}  // namespace

std::vector<std::string> architecture_families() {
  std::vector<std::string> names;
  for (const ArchitectureFamily* family : kFamilies) names.emplace_back(family->name);
  return names;
}

std::string to_text(const Architecture& architecture) {
  return fmt::format("{}-{}-w{}-s{}", architecture.family, architecture.depth, architecture.width,
                     architecture.stem_stride);
}

Architecture parse_architecture(std::string_view text) {
  return with_context(fmt::format("architecture '{}'", text), [&] {
    const std::vector<std::string_view> parts = split(text);
    const ArchitectureFamily& family = family_of(parts[0]);
    Architecture architecture{.family = std::string(family.name), .width = family.default_width};
    if (parts.size() < 2) fail("no depth; expected FAMILY-DEPTH[-wWIDTH][-sSTRIDE], e.g. {}-20-w16-s1", parts[0]);
    architecture.depth = positive(parts[1], "depth");
    bool width_seen = false, stride_seen = false;
    for (std::string_view part : std::span(parts).subspan(2)) {
      if (part.starts_with('w') && !width_seen) {
        architecture.width = positive(part.substr(1), "width");
        width_seen = true;
      } else if (part.starts_with('s') && !stride_seen) {
        architecture.stem_stride = positive(part.substr(1), "stem stride");
        stride_seen = true;
      } else {
        fail("unexpected part '{}'; expected FAMILY-DEPTH[-wWIDTH][-sSTRIDE], e.g. {}-20-w16-s1", part, parts[0]);
      }
    }
    family.check(architecture);
    return architecture;
  });
}

Graph build(const Architecture& architecture, const Shape& input, std::int64_t classes, std::uint64_t seed) {
  return with_context(fmt::format("architecture '{}'", to_text(architecture)), [&] {
    const ArchitectureFamily& family = family_of(architecture.family);
    family.check(architecture);
    if (input.size() != 3 || std::ranges::any_of(input, [](std::int64_t d) { return d < 1; })) {
      fail("input {} is not an image; expected height x width x channels", shape_text(input));
    }
    if (classes < 2) fail("{} classes; expected at least 2", classes);
    Graph graph = family.build(architecture, input, classes, seed);
    graph.metadata[kArchitectureKey] = to_text(architecture);
    return graph;
  });
}

std::vector<Architecture> members_up_to(const Architecture& largest, std::span<const int> depths,
                                        std::span<const int> widths, std::span<const int> stem_strides) {
  std::vector<int> narrower;
  std::ranges::copy_if(widths, std::back_inserter(narrower), [&](int width) { return width < largest.width; });
  narrower.push_back(largest.width);
  std::vector<Architecture> members;
  for (int depth : depths) {
    for (int width : narrower) {
      for (int stride : stem_strides) {
        if (depth <= largest.depth && stride >= largest.stem_stride) members.push_back({largest.family, depth, width, stride});
      }
    }
  }
  return members;
}

void check_listed(const Architecture& architecture, std::span<const int> depths, int max_width, std::span<const int> stem_strides) {
  const auto listed = [](std::span<const int> list, int number) { return std::ranges::find(list, number) != list.end(); };
  if (!listed(depths, architecture.depth)) {
    fail("depth {} of a {} is unknown; expected one of {}", architecture.depth, architecture.family, fmt::join(depths, ", "));
  }
  if (architecture.width < 1 || architecture.width > max_width) {
    fail("width {} is out of range; expected 1 to {}", architecture.width, max_width);
  }
  if (!listed(stem_strides, architecture.stem_stride)) {
    fail("stem stride {} is out of range; expected one of {}", architecture.stem_stride, fmt::join(stem_strides, ", "));
  }
}

std::vector<Architecture> students_of(const Architecture& teacher) {
  const ArchitectureFamily& family = family_of(teacher.family);
  std::vector<Architecture> students = family.smaller(teacher);
  std::erase(students, teacher);
  std::ranges::sort(students, [&](const Architecture& a, const Architecture& b) {
    const double work_a = family.work(a), work_b = family.work(b);
    if (work_a != work_b) return work_a > work_b;
    return std::tuple(a.depth, a.width, -a.stem_stride) > std::tuple(b.depth, b.width, -b.stem_stride);
  });
  return students;
}

std::string architecture_of(const Graph& graph) {
  const auto found = graph.metadata.find(kArchitectureKey);
  return found == graph.metadata.end() ? std::string() : found->second;
}

void forget_architecture(Graph& graph) { graph.metadata.erase(kArchitectureKey); }

}  // namespace mj
