// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

#include "mj/io/onnx.h"
#include "mj/io/tflite/operator_view.h"
#include "mj/ir/graph.h"

namespace mj::tflite {

/// A computed tensor of the file. `dims` are the file's; the graph stores `stored_shape(dims)`.
struct Activation {
  ValueId id = -1;
  Shape dims;
};

/// Integers that are known without an input: shapes, and what is computed from them.
struct Integers {
  std::vector<std::int64_t> values;
  bool scalar = false;
};

/// A constant behind DEQUANTIZE: real numbers, held as tensor `tensor` of the file has them.
struct RealConstant {
  int tensor = -1;
};

/// What follows an unsupported operator.
struct Unknown {};

/// What a tensor of the file stands for while importing; nothing before it is written.
using Symbol = std::variant<std::monostate, Unknown, Integers, RealConstant, Activation>;

/// Dimensions of one sample: the file's without the batch, which is dimension 0 of two or more when it is 1.
bool has_batch(const Shape& dims);
Shape stored_shape(const Shape& dims);

/// How the elements of a constant are stored in the graph.
enum class Form {
  kStored,           ///< as in the file (UINT8 less 128, FLOAT16 as float)
  kReal,             ///< dequantised
  kStoredDepthwise,  ///< {1,kh,kw,O} as {O,kh,kw,1}
  kRealDepthwise,
};

/// Turns a TFLite model into a graph; what the converters of single operators work on.
///
/// A converter reads its inputs with `activation`, `operand`, `weight` and `integers`, appends nodes with `add`, and
/// names its result with `set`. It throws `Error` when the file contradicts itself and calls `unsupported` when it asks
/// for something that does not exist here.
class Importer {
 public:
  /// `file_bytes` bounds what constants may grow to.
  Importer(const mj_tflite::Model& model, std::size_t file_bytes);

  ImportResult run();

  Graph graph;

  /// Input `i` as something computed.
  const Activation& activation(const OperatorView& op, int i) const;
  const Type& type(const Activation& x) const { return graph.type(x.id); }
  /// Input `i`, computed or constant, as something to compute with beside `dtype`.
  Activation operand(const OperatorView& op, int i, DType dtype);
  bool is_activation(const OperatorView& op, int i) const;
  /// Input `i`, which has to be known.
  Integers integers(const OperatorView& op, int i, const char* role) const;
  /// The one number of input `i`.
  std::int64_t integer(const OperatorView& op, int i, const char* role) const;
  /// Whether `integers` has an answer.
  bool has_integers(const OperatorView& op, int i) const;
  const Symbol& symbol(int tensor) const { return symbols_[static_cast<std::size_t>(tensor)]; }

  /// Weights (input 1) behind an input of dtype `x`, channels of output first.
  ValueId weight(const OperatorView& op, DType x, bool depthwise);
  /// x and weight, with the bias (input 2) if there is one.
  std::vector<ValueId> with_bias(const OperatorView& op, ValueId x, ValueId weight);

  ValueId add(const OperatorView& op, Op operation, std::vector<ValueId> inputs);
  /// A conversion to another type of the same shape.
  ValueId add_quantize(const OperatorView& op, ValueId from, DType dtype, std::optional<Quantization> quant);
  /// The same elements in this shape of the graph.
  ValueId reshaped(const OperatorView& op, ValueId id, const Shape& shape);

  /// The type of an activation as the file states it, for a value of shape `shape`.
  Type stated_type(const TensorView& tensor, const Shape& shape) const;

  /// Output `i` is this value, whose dimensions in the file are `dims`: gives it its quantisation and checks it against
  /// what the file states.
  void set(const OperatorView& op, int i, ValueId id, const Shape& dims);
  void set(const OperatorView& op, int i, Symbol symbol) {
    symbols_[static_cast<std::size_t>(op.output_index(i))] = std::move(symbol);
  }

 private:
  TensorView tensor(int index) const;
  void check_index(const char* role, int index) const;
  std::vector<OperatorView> operators() const;
  std::vector<bool> live_operators(const std::vector<OperatorView>& operators) const;
  void add_input(int index);
  void convert(const OperatorView& op);
  void dispatch(const OperatorView& op);
  void add_outputs();

  /// The tensor of the file that holds constant input `i`, or -1.
  int constant_tensor(const OperatorView& op, int i) const;
  ValueId constant(int tensor, Form form, const Shape& shape);
  ValueId add_constant(const TensorView& tensor, Form form, const Shape& shape, std::optional<Quantization> quant);
  Constant contents(const TensorView& tensor, Form form, const std::optional<Quantization>& quant);
  void count_bytes(std::size_t bytes);
  std::string value_name(std::string name);

  const mj_tflite::Model& model_;
  const mj_tflite::SubGraph* subgraph_ = nullptr;
  std::uint64_t bytes_left_;  ///< that constants may still take
  std::vector<Symbol> symbols_;
  std::map<std::tuple<int, Form, Shape>, ValueId> constants_;
  std::map<std::pair<const std::byte*, std::size_t>, Constant>
      shared_;  ///< those stored as in the file, by their place
  std::set<std::string, std::less<>> names_;
  std::unordered_map<std::string, int> last_number_;
  std::vector<Unsupported> unsupported_;
};

/// Dimension `axis` counted from the end when negative; `Error` outside of -rank..rank-1.
std::size_t checked_axis(std::int64_t axis, std::size_t rank);

/// Limits of a fused activation, or of an operator RELU*.
Range fused_range(mj_tflite::ActivationFunctionType activation);

/// Slices `begin` to `end` (one entry per dimension of the file) of x.
ValueId sliced(Importer& importer, const OperatorView& op, const Activation& x, const Shape& begin, const Shape& end,
               const Shape& stride);

/// Converts one operator that has an activation among its inputs.
using Converter = void (*)(Importer&, const OperatorView&);
struct ConverterEntry {
  BuiltinOperator code;
  Converter convert;
};

// The operators of each family; the importer looks an operator up in all of them.
std::span<const ConverterEntry> convolution_converters();
std::span<const ConverterEntry> elementwise_converters();
std::span<const ConverterEntry> shape_converters();
std::span<const ConverterEntry> selection_converters();
std::span<const ConverterEntry> quantize_converters();

/// Evaluates an operator whose inputs are all known.
void fold_constants(Importer& importer, const OperatorView& op);
/// What to do about an operator that is not in the tables.
std::string remedy(const OperatorView& op);

}  // namespace mj::tflite
