// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "mj/ir/graph.h"

namespace mj_onnx {
class ModelProto;
}

namespace mj::onnx {

// What travels with a model beside its operators, in `metadata_props`:
//   millijoule.format                "1"
//   millijoule.preprocess.scale      a number
//   millijoule.preprocess.mean, .std numbers separated by commas
//   millijoule.class_names           one name per line, with \n and \\ escaped
//   millijoule.encoding.NODE         how the weight of a convolution or linear layer is stored on the device: "relative_int4"
//   millijoule.KEY                   the graph's further facts

/// Fills preprocessing, class names and facts. Properties of other programs are left alone.
void read_metadata(const mj_onnx::ModelProto& model, Graph& graph);
/// `names` are those of the graph's nodes in the file.
void write_metadata(const Graph& graph, const std::vector<std::string>& names, mj_onnx::ModelProto& model);

/// Encodings of weights, by the names of the nodes that read them; for when the graph has all its nodes.
void read_encodings(const mj_onnx::ModelProto& model, Graph& graph);

}  // namespace mj::onnx
