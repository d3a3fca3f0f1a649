// SPDX-License-Identifier: Apache-2.0
#include "mj/io/tflite/importer.h"

#include <algorithm>

#include "mj/base/error.h"
#include "mj/ir/verify.h"

namespace mj::tflite {
namespace {

// Dequantised weights are four times their size; many tensors that share one buffer are more.
constexpr std::uint64_t kConstantGrowth = 16;

Converter find_converter(BuiltinOperator code) {
  for (auto family : {convolution_converters(), elementwise_converters(), shape_converters(), selection_converters(),
                      quantize_converters()}) {
    for (const auto& entry : family) {
      if (entry.code == code) return entry.convert;
    }
  }
  return nullptr;
}

}  // namespace

bool has_batch(const Shape& dims) { return dims.size() > 1 && dims[0] == 1; }

Shape stored_shape(const Shape& dims) { return has_batch(dims) ? Shape(dims.begin() + 1, dims.end()) : dims; }

std::size_t checked_axis(std::int64_t axis, std::size_t rank) {
  const auto count = static_cast<std::int64_t>(rank);
  if (axis < -count || axis >= count) fail("axis {} is outside of {} dimensions", axis, rank);
  return static_cast<std::size_t>(axis < 0 ? axis + count : axis);
}

Importer::Importer(const mj_tflite::Model& model, std::size_t file_bytes)
    : model_(model), bytes_left_(kConstantGrowth * file_bytes) {}

ImportResult Importer::run() {
  if (!model_.subgraphs() || model_.subgraphs()->size() == 0) fail("holds no network; expected a subgraph");
  // Further subgraphs are bodies of loops and branches, which are refused where they are called.
  subgraph_ = model_.subgraphs()->Get(0);
  if (!subgraph_->tensors() || subgraph_->tensors()->size() == 0) fail("holds no tensors; expected 1 or more");
  symbols_.resize(subgraph_->tensors()->size());

  const auto* inputs = subgraph_->inputs();
  const std::size_t count = inputs ? inputs->size() : 0;
  if (count != 1) {
    std::string names;
    for (std::size_t i = 0; i < count; ++i) {
      const int index = inputs->Get(static_cast<flatbuffers::uoffset_t>(i));
      check_index("a network input", index);
      if (i < 8) names += fmt::format("{}'{}'", i == 0 ? ": " : ", ", tensor(index).name());
    }
    fail("has {} inputs{}{}; expected 1", count, names, count > 8 ? ", ..." : "");
  }
  check_index("the network input", inputs->Get(0));
  add_input(inputs->Get(0));

  const std::vector<OperatorView> all = operators();
  const std::vector<bool> live = live_operators(all);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (live[i]) convert(all[i]);
  }
  if (!unsupported_.empty()) return {{}, std::move(unsupported_)};
  add_outputs();
  graph = compact(std::move(graph));
  verify(graph);
  return {std::move(graph), {}};
}

TensorView Importer::tensor(int index) const {
  return {model_, *subgraph_->tensors()->Get(static_cast<flatbuffers::uoffset_t>(index))};
}

void Importer::check_index(const char* role, int index) const {
  if (index < 0 || static_cast<std::size_t>(index) >= symbols_.size()) {
    fail("{} is tensor {}; the file has {}", role, index, symbols_.size());
  }
}

std::vector<OperatorView> Importer::operators() const {
  std::vector<OperatorView> result;
  if (!subgraph_->operators()) return result;
  std::vector<char> written(symbols_.size(), 0);
  for (const auto* entry : *subgraph_->operators()) {
    const OperatorView op(model_, *subgraph_, *entry);
    with_context(op.where(), [&] {
      op.check();
      for (int i = 0; i < op.output_count(); ++i) {
        const int index = op.output_index(i);
        const TensorView output = op.output(i);
        if (index == subgraph_->inputs()->Get(0)) fail("writes the network input '{}'", output.name());
        if (output.constant()) fail("writes '{}', which is a constant", output.name());
        if (std::exchange(written[static_cast<std::size_t>(index)], 1)) {
          fail("writes '{}', which is written already", output.name());
        }
      }
    });
    result.push_back(op);
  }
  return result;
}

std::vector<bool> Importer::live_operators(const std::vector<OperatorView>& operators) const {
  std::vector<char> needed(symbols_.size(), 0);
  if (const auto* outputs = subgraph_->outputs()) {
    for (const int index : *outputs) {
      check_index("a network output", index);
      needed[static_cast<std::size_t>(index)] = 1;
    }
  }
  std::vector<bool> live(operators.size(), false);
  for (std::size_t k = operators.size(); k-- > 0;) {
    const OperatorView& op = operators[k];
    for (int i = 0; i < op.output_count() && !live[k]; ++i) {
      live[k] = needed[static_cast<std::size_t>(op.output_index(i))] != 0;
    }
    for (int i = 0; i < op.input_count() && live[k]; ++i) {
      if (op.has_input(i)) needed[static_cast<std::size_t>(op.input_index(i))] = 1;
    }
  }
  return live;
}

void Importer::add_input(int index) {
  const TensorView input = tensor(index);
  with_context(fmt::format("input '{}'", input.name()), [&] {
    if (input.constant()) fail("is a constant; expected something to be given");
    if (input.type() != TensorType::FLOAT32 && !input.integer()) {
      fail("holds {}; expected FLOAT32, INT8 or UINT8", type_name(input.type()));
    }
    if (!input.has_dims()) fail("has no dimensions; expected a batch and those of a sample");
    const Shape dims = input.dims();
    for (std::size_t d = 0; d < dims.size(); ++d) {
      if (input.free_dim(d) && (d > 0 || dims.size() == 1)) {
        fail("has a free size in dimension {}; expected a fixed one for all but the batch", d);
      }
    }
    if (dims.size() > 1 && !has_batch(dims)) fail("has a batch of {}; expected 1 or a free one", dims[0]);
    const Shape shape = stored_shape(dims);
    const ValueId id = graph.add_input(value_name(input.name()), stated_type(input, shape));
    symbols_[static_cast<std::size_t>(index)] = Activation{id, dims};
  });
}

void Importer::convert(const OperatorView& op) {
  try {
    dispatch(op);
  } catch (const UnsupportedOperator& refused) {
    unsupported_.push_back({op.name(), op.op(), refused.reason});
    for (int i = 0; i < op.output_count(); ++i) set(op, i, Unknown{});
  } catch (Error& error) {
    // Errors of the graph's own checks name the node already.
    if (!std::string_view(error.what()).starts_with("node '")) error.add_context(op.where());
    throw;
  }
}

void Importer::dispatch(const OperatorView& op) {
  const Converter converter = find_converter(op.code());
  bool any_activation = false;
  bool any_unknown = false;
  for (int i = 0; i < op.input_count(); ++i) {
    if (!op.has_input(i)) continue;
    const TensorView input = op.input(i);
    if (input.variable())
      unsupported("'{}' is state kept between inferences; convert a network without state", input.name());
    const Symbol& read = symbol(op.input_index(i));
    if (std::holds_alternative<std::monostate>(read) && !input.constant()) {
      fail("reads '{}', which no operator before it writes", input.name());
    }
    any_activation |= std::holds_alternative<Activation>(read);
    any_unknown |= std::holds_alternative<Unknown>(read);
  }
  const bool of_shapes = op.code() == BuiltinOperator::SHAPE;
  if (!converter && !of_shapes && (any_activation || any_unknown)) unsupported("{}", remedy(op));
  if (any_unknown) {
    for (int i = 0; i < op.output_count(); ++i) set(op, i, Unknown{});
  } else if (any_activation && !of_shapes) {
    converter(*this, op);
  } else {
    op.input(0);  // all that is folded has one
    fold_constants(*this, op);
  }
}

void Importer::set(const OperatorView& op, int i, ValueId id, const Shape& dims) {
  const TensorView stated = op.output(i);
  if (stated.has_dims()) {
    const Shape expected = stated.dims();
    bool same = expected.size() == dims.size();
    for (std::size_t d = 0; same && d < dims.size(); ++d) same = expected[d] == dims[d] || stated.free_dim(d);
    if (!same) {
      fail("output '{}' has shape {}; its inputs make {}", stated.name(), shape_text(expected), shape_text(dims));
    }
  }
  const Type type = stated_type(stated, graph.type(id).shape);
  Type& made = graph.value(id).type;
  if (type.dtype != made.dtype) {
    fail("output '{}' holds {}; its input makes {}", stated.name(), type_name(stated.type()), dtype_name(made.dtype));
  }
  if (!made.quant) made.quant = type.quant;
  if (made.quant != type.quant) {
    fail("output '{}' is quantised differently from the input; expected the same, for elements are only moved",
         stated.name());
  }
  set(op, i, Activation{reshaped(op, id, stored_shape(dims)), dims});
}

void Importer::add_outputs() {
  const auto* outputs = subgraph_->outputs();
  if (!outputs || outputs->size() == 0) fail("has no outputs; expected 1 or more");
  std::set<ValueId> listed;
  for (const int index : *outputs) {
    const TensorView output = tensor(index);
    with_context(fmt::format("output '{}'", output.name()), [&] {
      const Symbol& made = symbol(index);
      if (std::holds_alternative<std::monostate>(made) && !output.constant()) fail("is written by no operator");
      const auto* result = std::get_if<Activation>(&made);
      if (!result) fail("is a constant; expected something computed from the input");
      if (!listed.insert(result->id).second) {
        fail("is the same value as output '{}'; expected different ones", graph.value(result->id).name);
      }
      graph.outputs.push_back(result->id);
    });
  }
}

}  // namespace mj::tflite
