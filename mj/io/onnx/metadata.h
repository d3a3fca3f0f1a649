// SPDX-License-Identifier: Apache-2.0
#pragma once

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
//   millijoule.KEY                   the graph's further facts

/// Fills preprocessing, class names and facts. Properties of other programs are left alone.
void read_metadata(const mj_onnx::ModelProto& model, Graph& graph);
void write_metadata(const Graph& graph, mj_onnx::ModelProto& model);

}  // namespace mj::onnx
