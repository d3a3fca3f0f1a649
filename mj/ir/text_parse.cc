// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "mj/base/text.h"
#include "mj/ir/text.h"
#include "mj/ir/text_cursor.h"
#include "mj/ir/text_fields.h"
#include "mj/ir/verify.h"

namespace mj {
namespace {

void parse_value(TextCursor& in, bool& value) {
  const std::string_view word = in.word("true or false");
  if (word != "true" && word != "false") fail("expected true or false, found '{}'", word);
  value = word == "true";
}
void parse_value(TextCursor& in, float& value) { value = in.number<float>("a number"); }
template <class Integer>
requires std::is_integral_v<Integer>
void parse_value(TextCursor& in, Integer& value) { value = in.number<Integer>("a whole number"); }

template <class T, std::size_t n>
void parse_value(TextCursor& in, std::array<T, n>& list) {
  in.expect('[');
  for (std::size_t i = 0; i < n; ++i) {
    if (i > 0) in.expect(',');
    parse_value(in, list[i]);
  }
  in.expect(']');
}
void parse_value(TextCursor& in, Range& range) {
  std::array<float, 2> limits{};
  parse_value(in, limits);
  range = {limits[0], limits[1]};
}
template <class T>
void parse_value(TextCursor& in, std::vector<T>& list) {
  list.clear();
  if (!in.accept('[')) return parse_value(in, list.emplace_back());
  if (in.accept(']')) return;
  do {
    parse_value(in, list.emplace_back());
  } while (in.accept(','));
  in.expect(']');
}

std::string hint(std::string_view word, const std::vector<std::string>& known) {
  const std::optional<std::string> close = nearest(word, known);
  return close ? fmt::format("; did you mean '{}'?", *close) : "";
}

/// Attributes `name=value` up to the end of the line or an "=" by itself.
template <class Self>
void parse_fields(TextCursor& in, std::string_view owner, Self& self) {
  std::set<std::string_view> given;
  while (!in.done() && in.peek() != '=') {
    const std::string_view name = in.word("an attribute");
    in.expect('=');
    if (!given.insert(name).second) fail("attribute '{}' is given twice", name);
    bool known = false;
    visit_fields(self, [&](const char* field, auto& value) {
      if (name == field) parse_value(in, value), known = true;
    });
    if (known) continue;
    std::vector<std::string> names;
    visit_fields(self, [&](const char* field, auto&) { names.emplace_back(field); });
    fail("{} has no attribute '{}'{}", owner, name, hint(name, names));
  }
}

template <std::size_t... i>
Op op_named(std::string_view name, std::index_sequence<i...>) {
  std::optional<Op> found;
  (void)((name == std::variant_alternative_t<i, Op>::kName ? (found.emplace(std::in_place_index<i>), true) : false) ||
         ...);
  if (!found) fail("unknown operator '{}'{}", name, hint(name, {std::variant_alternative_t<i, Op>::kName...}));
  return *std::move(found);
}
Op op_named(std::string_view name) { return op_named(name, std::make_index_sequence<std::variant_size_v<Op>>()); }

DType parse_dtype(TextCursor& in) {
  const std::string_view name = in.word("an element type");
  for (const DType dtype : {DType::kF32, DType::kI8, DType::kI16, DType::kI32}) {
    if (name == dtype_name(dtype)) return dtype;
  }
  fail("unknown element type '{}'; expected f32, i8, i16 or i32", name);
}

/// `28x28x1` or `scalar`.
Shape parse_shape(TextCursor& in) {
  const std::string_view text = in.word("a shape");
  Shape shape;
  if (text == "scalar") return shape;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('x', begin), text.size());
    const std::optional<std::int64_t> dimension = parse_integer(text.substr(begin, end - begin));
    if (!dimension) fail("expected a shape like 28x28x1, found '{}'", text);
    shape.push_back(*dimension);
    begin = end + 1;
  }
  check_shape(shape);
  return shape;
}

/// `i8[14x14x8] scale=0.02 zero_point=-3`.
Type parse_type(TextCursor& in) {
  Type type;
  type.dtype = parse_dtype(in);
  in.expect('[');
  type.shape = parse_shape(in);
  in.expect(']');
  if (in.done() || in.peek() == '=') return type;
  Quantization& quant = type.quant.emplace();
  parse_fields(in, "a quantisation", quant);
  if (quant.zero_point.size() == 1) quant.zero_point.resize(quant.scale.size(), quant.zero_point[0]);
  return type;
}

template <class T>
Constant parse_elements(TextCursor& in) {
  std::vector<T> elements;
  parse_value(in, elements);
  return Constant::of(std::span<const T>(elements));
}

class Parser {
 public:
  explicit Parser(const std::map<std::string, Constant>& blobs) : blobs_(blobs) {}

  Graph run(std::string_view text) {
    std::int64_t line = 0;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      ++line;
      with_context(fmt::format("line {}", line), [&] { statement(TextCursor(text.substr(0, end))); });
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    with_context(fmt::format("line {}", line + 1), [&] { finish(); });
    verify(graph_);
    return std::move(graph_);
  }

 private:
  void statement(TextCursor in) {
    if (in.done() || in.peek() == '#') return;  // blank lines and comments
    if (in.peek() == '%') {
      require_format();
      return node(in);
    }
    const std::string_view keyword = in.word("a statement");
    if (keyword == "format") return format(in);
    require_format();
    if (keyword == "input") return input(in);
    if (keyword == "const") return constant(in);
    if (keyword == "value") return loose_value(in);
    if (keyword == "output") return output(in);
    if (keyword == "class") return class_name(in);
    if (keyword == "metadata") return metadata(in);
    if (keyword == "preprocess") return preprocess(in);
    if (keyword == "plan") return plan(in);
    if (keyword == "buffer") return buffer(in);
    if (keyword == "units") return units(in);
    if (keyword == "tiling") return tiling(in);
    fail("unknown statement '{}'{}", keyword,
         hint(keyword, {"format", "input", "const", "output", "class", "metadata", "preprocess", "plan", "buffer", "units",
               "tiling"}));
  }

  void require_format() const {
    if (!format_) fail("expected 'format = 1' as the first statement");
  }

  void format(TextCursor& in) {
    if (format_) fail("format is given twice");
    in.expect('=');
    const auto version = in.number<std::int64_t>("the format's number");
    if (version != 1) fail("format {} is unknown; expected 1", version);
    in.expect_end();
    format_ = true;
  }

  /// `%3 "name": type`.
  ValueId define(TextCursor& in) {
    const ValueId id = in.value_id();
    if (id < 0) fail("value %{} has a negative number", id);
    if (values_.contains(id)) fail("value %{} is defined twice", id);
    Value value;
    value.name = in.string("the name of the value");
    in.expect(':');
    value.type = parse_type(in);
    values_.emplace(id, std::move(value));
    return id;
  }

  void input(TextCursor& in) {
    graph_.inputs.push_back(define(in));
    in.expect_end();
  }

  void loose_value(TextCursor& in) {
    define(in);
    in.expect_end();
  }

  void constant(TextCursor& in) {
    Value& value = values_.at(define(in));
    in.expect('=');
    if (in.peek() != '#' && in.peek() != '[' && !is_number(in.peek())) value.encoding = encoding(in);
    value.data = in.peek() == '#' ? blob(in) : elements(in, value.type.dtype);
    in.expect_end();
  }

  static bool is_number(char c) { return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.'; }

  static Encoding encoding(TextCursor& in) {
    const std::string_view name = in.word("elements or an encoding");
    if (const auto found = find_encoding(name)) return *found;
    std::vector<std::string> names;
    for (const Encoding known : all_encodings()) names.emplace_back(encoding_name(known));
    fail("unknown encoding '{}'{}", name, hint(name, names));
  }

  Constant blob(TextCursor& in) const {
    in.expect('#');
    const std::string hash(in.word("the hash of a constant"));
    const auto found = blobs_.find(hash);
    if (found == blobs_.end()) fail("constant #{} is not at hand", hash);
    return found->second;
  }

  static Constant elements(TextCursor& in, DType dtype) {
    switch (dtype) {
      case DType::kF32:
        return parse_elements<float>(in);
      case DType::kI8:
        return parse_elements<std::int8_t>(in);
      case DType::kI16:
        return parse_elements<std::int16_t>(in);
      case DType::kI32:
        return parse_elements<std::int32_t>(in);
    }
    MJ_CHECK(!"unknown dtype");
    return {};
  }

  /// `%3 "name": type = op "node" (%0, %1) attributes`.
  void node(TextCursor& in) {
    Node node;
    node.output = define(in);
    in.expect('=');
    node.op = op_named(in.word("an operator"));
    node.name = in.string("the name of the node");
    in.expect('(');
    if (!in.accept(')')) {
      do {
        node.inputs.push_back(in.value_id());
      } while (in.accept(','));
      in.expect(')');
    }
    std::visit([&](auto& op) { parse_fields(in, op.kName, op); }, node.op);
    in.expect_end();
    graph_.nodes.push_back(std::move(node));
  }

  void output(TextCursor& in) {
    graph_.outputs.push_back(in.value_id());
    in.expect_end();
  }

  void class_name(TextCursor& in) {
    graph_.class_names.push_back(in.string("the name of a class"));
    in.expect_end();
  }

  void metadata(TextCursor& in) {
    std::string key = in.string("a key");
    in.expect('=');
    std::string text = in.string("a text");
    in.expect_end();
    if (graph_.metadata.contains(key)) fail("metadata '{}' is given twice", key);
    graph_.metadata.emplace(std::move(key), std::move(text));
  }

  void preprocess(TextCursor& in) {
    if (std::exchange(preprocess_, true)) fail("preprocess is given twice");
    parse_fields(in, "preprocess", graph_.preprocess);
    in.expect_end();
  }

  void plan(TextCursor& in) {
    if (graph_.plan) fail("plan is given twice");
    parse_fields(in, "plan", graph_.plan.emplace());
    in.expect_end();
  }

  void buffer(TextCursor& in) {
    if (!graph_.plan) fail("expected 'plan' before the first buffer");
    Buffer& buffer = graph_.plan->buffers.emplace_back();
    buffer.value = in.value_id();
    parse_fields(in, "buffer", buffer);
    in.expect_end();
  }

  void units(TextCursor& in) {
    if (!graph_.plan) fail("expected 'plan' before 'units'");
    if (graph_.plan->units) fail("units is given twice");
    parse_fields(in, "units", graph_.plan->units.emplace());
    in.expect_end();
  }

  void tiling(TextCursor& in) {
    if (!graph_.plan || !graph_.plan->units) fail("expected 'units' before the first tiling");
    parse_fields(in, "tiling", graph_.plan->units->tilings.emplace_back());
    in.expect_end();
  }

  /// Values are numbered without gaps, in whatever order they were defined.
  void finish() {
    require_format();
    for (auto& [id, value] : values_) {
      if (static_cast<std::size_t>(id) != graph_.values.size()) {
        fail("value %{} is not defined; the largest is %{}", graph_.values.size(), values_.rbegin()->first);
      }
      graph_.values.push_back(std::move(value));
    }
  }

  const std::map<std::string, Constant>& blobs_;
  Graph graph_;
  std::map<ValueId, Value> values_;
  bool format_ = false;
  bool preprocess_ = false;
};

}  // namespace

Graph parse_text(std::string_view text, const std::map<std::string, Constant>& blobs) {
  return Parser(blobs).run(text);
}

}  // namespace mj
