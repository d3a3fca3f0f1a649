// SPDX-License-Identifier: Apache-2.0
#include "mj/io/onnx/metadata.h"

#include <algorithm>
#include <set>
#include <variant>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "onnx.pb.h"

namespace mj::onnx {
namespace {

constexpr std::string_view kPrefix = "millijoule.";
constexpr std::string_view kEncoding = "encoding.";
constexpr const char* kFormat = "1";

bool has_weight(const Node& node) { return std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<Linear>(node.op); }

std::string joined(const std::vector<float>& numbers) {
  std::string text;
  for (float n : numbers) text += (text.empty() ? "" : ",") + float_text(n);
  return text;
}

std::vector<float> parse_numbers(const std::string& key, std::string_view text) {
  std::vector<float> numbers;
  while (true) {
    const auto comma = text.find(',');
    const auto number = parse_number(text.substr(0, comma));
    if (!number) fail("metadata '{}' holds '{}'; expected numbers separated by commas", key, text);
    numbers.push_back(static_cast<float>(*number));
    if (comma == std::string_view::npos) return numbers;
    text.remove_prefix(comma + 1);
  }
}

std::string join_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) text += '\n';
    for (char c : lines[i]) {
      if (c == '\n') {
        text += "\\n";
      } else if (c == '\\') {
        text += "\\\\";
      } else {
        text += c;
      }
    }
  }
  return text;
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') {
      lines.emplace_back();
    } else if (text[i] == '\\' && i + 1 < text.size()) {
      lines.back() += text[++i] == 'n' ? '\n' : text[i];
    } else {
      lines.back() += text[i];
    }
  }
  return lines;
}

}  // namespace

void read_metadata(const mj_onnx::ModelProto& model, Graph& graph) {
  std::set<std::string> seen;
  for (const auto& property : model.metadata_props()) {
    if (!std::string_view(property.key()).starts_with(kPrefix)) continue;
    const std::string key = property.key().substr(kPrefix.size());
    if (!seen.insert(key).second) fail("metadata '{}' is given twice", property.key());
    const std::string& text = property.value();
    if (key == "format") {
      if (text != kFormat) fail("metadata '{}' is '{}'; expected '{}'", property.key(), text, kFormat);
    } else if (key == "preprocess.scale") {
      const auto numbers = parse_numbers(property.key(), text);
      if (numbers.size() != 1) fail("metadata '{}' holds {} numbers; expected 1", property.key(), numbers.size());
      graph.preprocess.scale = numbers[0];
    } else if (key == "preprocess.mean") {
      graph.preprocess.mean = parse_numbers(property.key(), text);
    } else if (key == "preprocess.std") {
      graph.preprocess.std = parse_numbers(property.key(), text);
    } else if (key == "class_names") {
      graph.class_names = split_lines(text);
    } else if (!key.starts_with(kEncoding)) {
      graph.metadata[key] = text;
    }
  }
}

void read_encodings(const mj_onnx::ModelProto& model, Graph& graph) {
  const std::string prefix = std::string(kPrefix) + std::string(kEncoding);
  for (const auto& property : model.metadata_props()) {
    if (!property.key().starts_with(prefix)) continue;
    const std::string_view name = std::string_view(property.key()).substr(prefix.size());
    const auto encoding = find_encoding(property.value());
    if (!encoding) fail("metadata '{}' is '{}'; expected an encoding such as relative_int4", property.key(), property.value());
    const auto node = std::ranges::find_if(graph.nodes, [&](const Node& n) { return n.name == name && has_weight(n); });
    if (node == graph.nodes.end()) fail("metadata '{}' names no convolution or linear layer", property.key());
    graph.value(node->inputs[1]).encoding = *encoding;
  }
}

void write_metadata(const Graph& graph, const std::vector<std::string>& names, mj_onnx::ModelProto& model) {
  const auto add = [&](const std::string& key, std::string value) {
    auto& property = *model.add_metadata_props();
    property.set_key(std::string(kPrefix) + key);
    property.set_value(std::move(value));
  };
  add("format", kFormat);
  add("preprocess.scale", float_text(graph.preprocess.scale));
  add("preprocess.mean", joined(graph.preprocess.mean));
  add("preprocess.std", joined(graph.preprocess.std));
  if (!graph.class_names.empty()) add("class_names", join_lines(graph.class_names));
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!has_weight(graph.nodes[i])) continue;
    const Encoding encoding = graph.value(graph.nodes[i].inputs[1]).encoding;
    if (!encoding.plain()) add(std::string(kEncoding) + names[i], std::string(encoding_name(encoding)));
  }
  for (const auto& [key, value] : graph.metadata) add(key, value);
}

}  // namespace mj::onnx
