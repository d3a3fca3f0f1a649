// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mj/arch/architecture.h"
#include "mj/data/dataset.h"
#include "mj/ir/graph.h"
#include "mj/pass/reduce.h"

namespace mj {

/// A smaller network that may do a teacher's work: a member of an architecture family with fresh weights, or a network with
/// blocks and channels taken away that starts from the weights that survive.
struct Student {
  std::variant<Architecture, Reduction> form;
  std::string name;  ///< "resnet-8-w16-s2"; of a reduction "NETWORK/drop2/width0.5"

  bool operator==(const Student&) const = default;
};

Student student_of(const Architecture& architecture);
/// A name of either kind; throws `Error` when it is neither.
Student parse_student(std::string_view name);
/// What a reduction is one of, "NETWORK" above; empty for an architecture.
std::string reduced_network(const Student& student);

/// Where one is nowhere larger than the other and somewhere smaller; only members of one family, or reductions of one
/// network, can be compared so.
bool smaller(const Student& a, const Student& b);

/// The smaller members of a teacher's family if it says its architecture, else its reductions, which are called by `name`.
std::vector<Student> students_of(const Graph& teacher, const std::string& name);

/// Its network before any training: an architecture with fresh weights for this input and these classes, a reduction of
/// `network`'s `reducible` form. The latter says no architecture.
Graph build(const Student& student, const Graph* network, const Shape& input, std::int64_t classes, std::uint64_t seed);

/// The same as a training starts from it: a reduction gets batch-norms in its `trainable_form`, from some hundred samples drawn
/// by the seed.
Graph build_to_train(const Student& student, const Graph* network, const Samples& train, std::int64_t classes,
                     std::uint64_t seed);

/// The network to teach, by the name of an architecture, of a reduction or of a model file, as a training starts from it, with the
/// teacher's preprocessing. A reduction is of the teacher where it has the name of the teacher's file, else of a model file. Throws
/// `Error` when it is of neither, or does not fit the data.
Graph named_student(const std::string& name, const Graph& teacher, const std::string& teacher_path, const DataSet& data,
                    std::uint64_t seed);

}  // namespace mj
