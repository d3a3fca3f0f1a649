// SPDX-License-Identifier: Apache-2.0
#include "mj/io/onnx/node_view.h"

#include "onnx.pb.h"

namespace mj::onnx {

using mj_onnx::AttributeProto;

std::string NodeView::name() const {
  if (!node_->name().empty() || node_->output_size() == 0) return node_->name();
  return node_->output(0);
}

std::string NodeView::op() const { return node_->op_type(); }

const std::string& NodeView::domain() const { return node_->domain(); }

bool NodeView::fused() const { return node_->doc_string() == kFusedMark; }

std::string NodeView::where() const { return fmt::format("node '{}' ({})", name(), op()); }

int NodeView::input_count() const { return node_->input_size(); }
int NodeView::output_count() const { return node_->output_size(); }
const std::string& NodeView::input(int i) const { return node_->input(i); }
const std::string& NodeView::output(int i) const { return node_->output(i); }

const AttributeProto* NodeView::find(const char* attribute) const {
  asked_.insert(attribute);
  for (const auto& candidate : node_->attribute()) {
    if (candidate.name() == attribute) return &candidate;
  }
  return nullptr;
}

const AttributeProto* NodeView::find(const char* attribute, int type, const char* type_name) const {
  const AttributeProto* found = find(attribute);
  // The type field is required since IR version 2; what older writers left out is told by the fields that are there.
  if (found && found->has_type() && found->type() != type && found->type() != AttributeProto::UNDEFINED) {
    fail("attribute '{}' has another type; expected {}", attribute, type_name);
  }
  return found;
}

std::int64_t NodeView::integer(const char* attribute, std::int64_t otherwise) const {
  const AttributeProto* found = find(attribute, AttributeProto::INT, "an integer");
  return found ? found->i() : otherwise;
}

float NodeView::real(const char* attribute, float otherwise) const {
  const AttributeProto* found = find(attribute, AttributeProto::FLOAT, "a float");
  return found ? found->f() : otherwise;
}

std::string NodeView::text(const char* attribute, const char* otherwise) const {
  const AttributeProto* found = find(attribute, AttributeProto::STRING, "a string");
  return found ? found->s() : otherwise;
}

std::optional<std::vector<std::int64_t>> NodeView::integers(const char* attribute) const {
  const AttributeProto* found = find(attribute, AttributeProto::INTS, "a list of integers");
  if (!found) return std::nullopt;
  return std::vector<std::int64_t>(found->ints().begin(), found->ints().end());
}

std::optional<std::vector<float>> NodeView::reals(const char* attribute) const {
  const AttributeProto* found = find(attribute, AttributeProto::FLOATS, "a list of floats");
  if (!found) return std::nullopt;
  return std::vector<float>(found->floats().begin(), found->floats().end());
}

std::optional<Literal> NodeView::literal(const char* attribute, const std::filesystem::path& folder) const {
  if (!find(attribute, AttributeProto::TENSOR, "a tensor")) return std::nullopt;
  for (auto& candidate : *node_->mutable_attribute()) {
    if (candidate.name() == attribute) return take_literal(*candidate.mutable_t(), folder);
  }
  return std::nullopt;
}

void NodeView::check_all_known() const {
  for (const auto& attribute : node_->attribute()) {
    if (!asked_.contains(attribute.name())) {
      unsupported("attribute '{}' is not known for this operator; export to opset 7 to 19 without it",
                  attribute.name());
    }
  }
}

}  // namespace mj::onnx
