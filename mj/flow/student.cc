// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/student.h"

#include <algorithm>
#include <filesystem>

#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/flow/run_set.h"
#include "mj/io/onnx.h"
#include "mj/pass/trainable.h"

namespace mj {
namespace {

constexpr std::int64_t kStatisticsImages = 256;
constexpr std::uint64_t kStatistics = 0x73747564;  // a key apart from those of other draws with the same seed

bool smaller_form(const Architecture& a, const Architecture& b) {
  return a.family == b.family && a.depth <= b.depth && a.width <= b.width && a.stem_stride >= b.stem_stride && a != b;
}

bool smaller_form(const Reduction& a, const Reduction& b) {
  return a.dropped >= b.dropped && a.width <= b.width && a != b;
}

/// Where "drop2/width0.5" begins in a name, or npos.
std::size_t reduction_begin(std::string_view name) {
  std::size_t begin = std::string_view::npos;
  for (std::size_t slash = name.rfind('/'); slash != std::string_view::npos; slash = slash == 0 ? std::string_view::npos : name.rfind('/', slash - 1)) {
    const std::string_view part = name.substr(slash + 1);
    if (!part.starts_with("drop") && !part.starts_with("width")) break;
    begin = slash + 1;
  }
  return begin;
}

}  // namespace

Student student_of(const Architecture& architecture) { return {architecture, to_text(architecture)}; }

Student parse_student(std::string_view name) {
  const std::size_t begin = reduction_begin(name);
  if (begin == std::string_view::npos) return student_of(parse_architecture(name));
  return with_context(fmt::format("student '{}'", name), [&]() -> Student {
    const Reduction reduction = parse_reduction(name.substr(begin));
    if (begin < 2) fail("no network before the reduction; expected e.g. network/drop2/width0.5");
    return {reduction, fmt::format("{}/{}", name.substr(0, begin - 1), to_text(reduction))};
  });
}

std::string reduced_network(const Student& student) {
  if (!std::holds_alternative<Reduction>(student.form)) return {};
  return student.name.substr(0, reduction_begin(student.name) - 1);
}

bool smaller(const Student& a, const Student& b) {
  if (a.form.index() != b.form.index() || reduced_network(a) != reduced_network(b)) return false;
  return std::visit(
      [&](const auto& form) { return smaller_form(form, std::get<std::decay_t<decltype(form)>>(b.form)); }, a.form);
}

std::vector<Student> students_of(const Graph& teacher, const std::string& name) {
  std::vector<Student> students;
  const std::string architecture = architecture_of(teacher);
  if (!architecture.empty()) {
    for (const Architecture& member : students_of(parse_architecture(architecture))) students.push_back(student_of(member));
    return students;
  }
  for (const Reduction& reduction : with_context(name, [&] { return reductions_of(reducible(teacher)); })) {
    students.push_back({reduction, fmt::format("{}/{}", name, to_text(reduction))});
  }
  return students;
}

Graph build(const Student& student, const Graph* network, const Shape& input, std::int64_t classes, std::uint64_t seed) {
  if (const auto* architecture = std::get_if<Architecture>(&student.form)) return build(*architecture, input, classes, seed);
  MJ_CHECK(network != nullptr);
  return with_context(fmt::format("student '{}'", student.name), [&] {
    Graph graph = reduce(reducible(*network), std::get<Reduction>(student.form));
    forget_architecture(graph);
    return graph;
  });
}

Graph build_to_train(const Student& student, const Graph* network, const Samples& train, std::int64_t classes,
                     std::uint64_t seed) {
  Graph graph = build(student, network, train.shape, classes, seed);
  if (!std::holds_alternative<Reduction>(student.form)) return graph;
  std::vector<std::int64_t> order = permutation(train.size(), RandomStream(seed, kStatistics));
  order.resize(static_cast<std::size_t>(std::min(kStatisticsImages, train.size())));
  std::vector<Tensor> inputs;
  for (const std::int64_t i : order) inputs.push_back(input_tensor(graph, train.sample(i)));
  return trainable_form(graph, inputs);
}

Graph named_student(const std::string& name, const Graph& teacher, const std::string& teacher_path, const DataSet& data,
                    std::uint64_t seed) {
  const auto is_file = [](const std::string& text) { return text.ends_with(".onnx") || text.ends_with(".tflite"); };
  if (is_file(name)) return read_model(name);
  const Student student = parse_student(name);
  const std::string network = reduced_network(student), stem = std::filesystem::path(teacher_path).stem().string();
  if (!network.empty() && network != stem && !is_file(network)) {
    fail("student '{}' is made of '{}'; expected of the teacher, '{}', or of a model file", name, network, stem);
  }
  Graph source = is_file(network) ? read_model(network) : teacher;
  source.preprocess = teacher.preprocess;
  require_samples_fit(source, data.train);
  Graph graph = build_to_train(student, &source, data.train, data.classes(), seed);
  graph.preprocess = teacher.preprocess;
  graph.class_names = data.class_names;
  return graph;
}

}  // namespace mj
