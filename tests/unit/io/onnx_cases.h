// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "tests/unit/io/onnx_model.h"

namespace mj {

/// A small network that exercises one thing the reader must get right.
struct OnnxCase {
  std::string name;
  OnnxModel model;
  /// How far a quantised network may be off, in steps of its output; 0 for real numbers.
  double steps = 0;

  friend void PrintTo(const OnnxCase& c, std::ostream* out) { *out << c.name; }
};

/// The same list for the unit tests (loads, round-trips) and for the comparison with ONNX Runtime. All end in vectors,
/// so that the order of their elements is ONNX's.
std::vector<OnnxCase> onnx_cases();

}  // namespace mj
