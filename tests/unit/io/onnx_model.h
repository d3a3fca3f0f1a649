// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mj/base/random.h"
#include "mj/io/onnx.h"
#include "onnx.pb.h"

namespace mj {

/// An ONNX file put together message by message, independently of the writer under test.
class OnnxModel {
 public:
  explicit OnnxModel(int opset = 13) {
    proto.set_ir_version(7);
    auto& entry = *proto.add_opset_import();
    entry.set_domain("");
    entry.set_version(opset);
    proto.mutable_graph()->set_name("test");
  }

  /// A dimension of 0 is free.
  OnnxModel& input(const std::string& name, const std::vector<std::int64_t>& dims, int elem = 1) {
    describe(*proto.mutable_graph()->add_input(), name, dims, elem);
    return *this;
  }
  OnnxModel& output(const std::string& name, const std::vector<std::int64_t>& dims = {}, int elem = 1) {
    describe(*proto.mutable_graph()->add_output(), name, dims, elem);
    return *this;
  }

  template <class T>
  mj_onnx::TensorProto& tensor(const std::string& name, const std::vector<std::int64_t>& dims,
                               const std::vector<T>& elements, int elem) {
    auto& tensor = *proto.mutable_graph()->add_initializer();
    tensor.set_name(name);
    tensor.mutable_dims()->Add(dims.begin(), dims.end());
    tensor.set_data_type(elem);
    tensor.set_raw_data(elements.data(), elements.size() * sizeof(T));
    return tensor;
  }
  OnnxModel& floats(const std::string& name, const std::vector<std::int64_t>& dims,
                    const std::vector<float>& elements) {
    tensor(name, dims, elements, 1);
    return *this;
  }
  OnnxModel& integers(const std::string& name, const std::vector<std::int64_t>& list) {
    tensor(name, {static_cast<std::int64_t>(list.size())}, list, 7);
    return *this;
  }
  /// Normal numbers times `scale`, another stream for every tensor.
  OnnxModel& random(const std::string& name, const std::vector<std::int64_t>& dims, float scale = 0.5f) {
    return floats(name, dims, random_numbers(dims, scale));
  }
  /// Between 0.5 and 1.5.
  OnnxModel& positive(const std::string& name, const std::vector<std::int64_t>& dims) {
    auto numbers = random_numbers(dims, 1);
    for (float& n : numbers) n = 1 + 0.5f * (n > 1 ? 1 : n < -1 ? -1 : n);
    return floats(name, dims, numbers);
  }

  /// A node; attributes are added to what is returned.
  class NodeRef {
   public:
    explicit NodeRef(mj_onnx::NodeProto& node) : node_(&node) {}
    NodeRef& set(const std::string& name, std::int64_t value) {
      auto& a = add(name, mj_onnx::AttributeProto::INT);
      a.set_i(value);
      return *this;
    }
    NodeRef& set(const std::string& name, int value) { return set(name, static_cast<std::int64_t>(value)); }
    NodeRef& set(const std::string& name, float value) {
      add(name, mj_onnx::AttributeProto::FLOAT).set_f(value);
      return *this;
    }
    NodeRef& set(const std::string& name, const char* value) {
      add(name, mj_onnx::AttributeProto::STRING).set_s(value);
      return *this;
    }
    NodeRef& set(const std::string& name, const std::vector<std::int64_t>& values) {
      add(name, mj_onnx::AttributeProto::INTS).mutable_ints()->Add(values.begin(), values.end());
      return *this;
    }
    mj_onnx::AttributeProto& add(const std::string& name, mj_onnx::AttributeProto::AttributeType type) {
      auto& attribute = *node_->add_attribute();
      attribute.set_name(name);
      attribute.set_type(type);
      return attribute;
    }
    mj_onnx::NodeProto& proto() { return *node_; }

   private:
    mj_onnx::NodeProto* node_;
  };
  NodeRef node(const std::string& op, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) {
    auto& node = *proto.mutable_graph()->add_node();
    node.set_op_type(op);
    node.set_name(outputs.front());
    for (const auto& name : inputs) node.add_input(name);
    for (const auto& name : outputs) node.add_output(name);
    return NodeRef(node);
  }

  std::vector<std::byte> bytes() const {
    const std::string text = proto.SerializeAsString();
    const auto raw = std::as_bytes(std::span(text));
    return {raw.begin(), raw.end()};
  }
  ImportResult import() const { return parse_onnx(bytes(), {}); }
  Graph graph() const { return import().graph; }

  mj_onnx::ModelProto proto;

 private:
  static void describe(mj_onnx::ValueInfoProto& info, const std::string& name, const std::vector<std::int64_t>& dims,
                       int elem) {
    info.set_name(name);
    auto& type = *info.mutable_type()->mutable_tensor_type();
    type.set_elem_type(elem);
    if (dims.empty()) return;
    for (std::int64_t d : dims) {
      auto& dim = *type.mutable_shape()->add_dim();
      d == 0 ? dim.set_dim_param("free") : dim.set_dim_value(d);
    }
  }

  std::vector<float> random_numbers(const std::vector<std::int64_t>& dims, float scale) {
    RandomStream stream(7, static_cast<std::uint64_t>(proto.graph().initializer_size()));
    std::int64_t count = 1;
    for (std::int64_t d : dims) count *= d;
    std::vector<float> numbers(static_cast<std::size_t>(count));
    for (float& n : numbers) n = scale * static_cast<float>(stream.normal());
    return numbers;
  }
};

}  // namespace mj
