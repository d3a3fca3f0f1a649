// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mj/ir/encoding.h"
#include "mj/ir/ops.h"
#include "mj/ir/type.h"

namespace mj {

/// Index of a value in `Graph::values`.
using ValueId = std::int32_t;

/// Immutable row-major elements of a constant, shared between copies of a graph; compares by content.
class Constant {
 public:
  Constant() = default;
  explicit Constant(std::vector<std::byte> bytes)
      : bytes_(std::make_shared<const std::vector<std::byte>>(std::move(bytes))) {}

  template <class T>
  static Constant of(std::span<const T> elements) {
    auto raw = std::as_bytes(elements);
    return Constant(std::vector<std::byte>(raw.begin(), raw.end()));
  }

  explicit operator bool() const { return bytes_ != nullptr; }
  std::span<const std::byte> bytes() const { return bytes_ ? std::span(*bytes_) : std::span<const std::byte>(); }

  /// The elements as T; T must be the value's dtype.
  template <class T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(bytes().data()), bytes().size() / sizeof(T)};
  }

  friend bool operator==(const Constant& a, const Constant& b);

 private:
  std::shared_ptr<const std::vector<std::byte>> bytes_;
};

/// A tensor of the graph: a constant when `data` is set, else the input of the graph or the output of a node.
struct Value {
  std::string name;
  Type type;
  Constant data;
  Encoding encoding;  ///< of a weight on the device

  bool constant() const { return static_cast<bool>(data); }
  bool operator==(const Value&) const = default;
};

/// One operation: `output = op(inputs)`.
struct Node {
  std::string name;  ///< the name in the source file, for messages and tables
  Op op;
  std::vector<ValueId> inputs;
  ValueId output = -1;

  bool operator==(const Node&) const = default;
};

/// How pixels or samples become the network's real input: x = (pixel * scale - mean[c]) / std[c].
///
/// It belongs to the model and travels with it. `mean` and `std` hold one entry per channel, or one for all.
struct Preprocess {
  float scale = 1;
  std::vector<float> mean{0};
  std::vector<float> std{1};

  bool operator==(const Preprocess&) const = default;
};

/// Where an activation lives in the arena.
struct Buffer {
  ValueId value = -1;
  Bytes offset = 0;
  Bytes size = 0;
  std::int32_t first = 0;  ///< index of the node that writes it (-1 for the input)
  std::int32_t last = 0;   ///< index of the last node that reads it (nodes.size() for an output)

  bool operator==(const Buffer&) const = default;
};

/// How one part of a node (see `tiles.h`) is cut into units of work: tiles of at most `rows` x `columns` x `channels`, and
/// for long dot products of at most `depth` of their terms. Depth counts fastest, then channels, columns and rows; 0 means
/// that there is nothing to cut.
struct Tiling {
  std::int32_t node = 0;  ///< nodes.size() for the delivery of output `part`
  std::int32_t part = 0;
  std::int64_t first = 0;  ///< number of its first unit
  std::int64_t count = 0;  ///< units
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t channels = 0;
  std::int64_t depth = 0;
  std::int64_t energy_pj = 0;            ///< of its costliest unit, commit included
  std::array<Bytes, 2> partial{-1, -1};  ///< offsets in the arena of the partial sums; -1 where depth is not cut

  bool operator==(const Tiling&) const = default;
};

/// The work of one inference as numbered units, each small enough for one charge and harmless to repeat.
struct UnitPlan {
  std::int64_t charge_pj = 0;    ///< what one worst-case charge gives
  std::int64_t restart_pj = 0;   ///< of it, what booting and recovering take
  std::int64_t commit_pj = 0;    ///< and what one commit takes
  Bytes word_bytes = 1;          ///< what the non-volatile memory writes at once; no two units share such a word
  std::vector<Tiling> tilings;   ///< in order of execution

  std::int64_t units() const { return tilings.empty() ? 0 : tilings.back().first + tilings.back().count; }
  bool operator==(const UnitPlan&) const = default;
};

/// Decisions about execution, made by passes and only printed by the emitter. Every activation has one buffer; a
/// reshape's output lies where its input does. With `units` the arena is non-volatile.
struct Plan {
  Bytes arena_bytes = 0;
  std::vector<Buffer> buffers;
  std::optional<UnitPlan> units;

  bool operator==(const Plan&) const = default;
};

/// A network as a value: copyable, comparable, readable (`text.h`), checked by `verify.h`.
///
/// Nodes are in topological order. A value that no node writes is a constant or a graph input.
struct Graph {
  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;  ///< exits in order, `logits` last
  std::vector<std::string> class_names;
  Preprocess preprocess;
  std::map<std::string, std::string> metadata;  ///< further facts that travel with the file
  std::optional<Plan> plan;

  const Value& value(ValueId id) const { return values[static_cast<std::size_t>(id)]; }
  Value& value(ValueId id) { return values[static_cast<std::size_t>(id)]; }
  const Type& type(ValueId id) const { return value(id).type; }

  /// Appends a value and returns its id.
  ValueId add_value(std::string name, Type type);
  ValueId add_constant(std::string name, Type type, Constant data);
  ValueId add_constant(std::string name, Shape shape, std::span<const float> elements);
  /// Appends a graph input.
  ValueId add_input(std::string name, Type type);
  /// Appends a node; its output value has the type `infer_type` gives. Throws `Error` when the inputs do not fit.
  ValueId add_node(std::string name, Op op, std::vector<ValueId> inputs);

  bool operator==(const Graph&) const = default;
};

/// The node that writes each value, -1 where none does.
std::vector<std::int32_t> producers(const Graph& graph);
/// The nodes that read each value, in order, each listed once.
std::vector<std::vector<std::int32_t>> consumers(const Graph& graph);

/// Removes nodes and values that no output needs and renumbers the rest; order is kept. Graph inputs stay. The plan
/// is dropped, for its node numbers no longer hold.
Graph compact(Graph graph);

/// Bytes of a constant in the emitted C: of the encoded elements where it has an encoding, else those of its type.
Bytes stored_bytes(const Value& constant);

/// "node 'NAME' (op)", the way every message names a node.
std::string describe(const Node& node);

/// The number of classes: elements of the last output.
std::int64_t class_count(const Graph& graph);

}  // namespace mj
