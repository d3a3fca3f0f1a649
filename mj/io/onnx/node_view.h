// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "mj/base/error.h"
#include "mj/io/onnx/literal.h"

namespace mj_onnx {
class AttributeProto;
class NodeProto;
}  // namespace mj_onnx

namespace mj::onnx {

/// Thrown while a node is converted that has no counterpart; the importer collects all of them.
struct UnsupportedNode {
  std::string reason;
};

template <class... Args>
[[noreturn]] void unsupported(fmt::format_string<Args...> format, Args&&... args) {
  throw UnsupportedNode{fmt::format(format, std::forward<Args>(args)...)};
}

/// The doc_string of what the writer splits off one operator of the graph, so that the reader can put it back.
inline constexpr const char* kFusedMark = "fused";

/// One node of the file: checked access to its names and attributes.
///
/// An attribute that nobody asked for is not understood; `check_all_known` refuses the node then, so that nothing in a
/// file is silently ignored.
class NodeView {
 public:
  explicit NodeView(mj_onnx::NodeProto& node) : node_(&node) {}

  /// The name in the file, or the first output's when it has none.
  std::string name() const;
  std::string op() const;
  const std::string& domain() const;
  /// "node 'conv_3' (Conv)".
  std::string where() const;

  /// Whether our writer split this off the operator before it, which has it fused.
  bool fused() const;

  int input_count() const;
  int output_count() const;
  /// The name of an input or output; empty when left out.
  const std::string& input(int i) const;
  const std::string& output(int i) const;
  bool has_input(int i) const { return i < input_count() && !input(i).empty(); }
  bool has_output(int i) const { return i < output_count() && !output(i).empty(); }

  bool has(const char* attribute) const { return find(attribute) != nullptr; }
  std::int64_t integer(const char* attribute, std::int64_t otherwise) const;
  float real(const char* attribute, float otherwise) const;
  std::string text(const char* attribute, const char* otherwise) const;
  std::optional<std::vector<std::int64_t>> integers(const char* attribute) const;
  std::optional<std::vector<float>> reals(const char* attribute) const;
  std::optional<Literal> literal(const char* attribute, const std::filesystem::path& folder) const;

  /// Says that an attribute has no influence on what is computed here.
  void ignore(const char* attribute) const { asked_.insert(attribute); }
  void check_all_known() const;

 private:
  const mj_onnx::AttributeProto* find(const char* attribute) const;
  const mj_onnx::AttributeProto* find(const char* attribute, int type, const char* type_name) const;

  mj_onnx::NodeProto* node_;
  mutable std::set<std::string, std::less<>> asked_;
};

}  // namespace mj::onnx
