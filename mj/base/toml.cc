// SPDX-License-Identifier: Apache-2.0
#include "mj/base/toml.h"

#include <toml++/toml.h>

#include <algorithm>
#include <set>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/text.h"

namespace mj {

struct TomlTable::State {
  std::shared_ptr<const toml::table> root;  ///< keeps the nodes alive
  const toml::table* table = nullptr;
  std::string file;
  std::string path;  ///< "budget" or "a.b"; empty at the top
  std::set<std::string, std::less<>> asked;
};

namespace {

const char* type_name(const toml::node& node) {
  if (node.is_string()) return "text";
  if (node.is_integer()) return "an integer";
  if (node.is_floating_point()) return "a number";
  if (node.is_boolean()) return "true or false";
  if (node.is_table()) return "a table";
  if (node.is_array()) return "a list";
  return "a date";
}

}  // namespace

TomlTable TomlTable::parse(std::string_view text, std::string name) {
  auto state = std::make_shared<State>();
  state->file = std::move(name);
  try {
    state->root = std::make_shared<const toml::table>(toml::parse(text));
  } catch (const toml::parse_error& error) {
    fail("{}:{}: {}", state->file, error.source().begin.line, error.description());
  }
  state->table = state->root.get();
  return TomlTable(std::move(state));
}

TomlTable TomlTable::read(const std::filesystem::path& path) { return parse(read_text(path), path.string()); }

std::string TomlTable::where(std::string_view key) const {
  const toml::node* node = key.empty() ? nullptr : state_->table->get(key);
  const auto line = (node ? *node : static_cast<const toml::node&>(*state_->table)).source().begin.line;
  return line == 0 ? state_->file : fmt::format("{}:{}", state_->file, line);
}

namespace {

std::string inside(const std::string& path) { return path.empty() ? "" : " in [" + path + "]"; }

}  // namespace

bool TomlTable::has(std::string_view key) {
  state_->asked.emplace(key);
  return state_->table->contains(key);
}

// One accessor per type: finds the node, checks its type, says where and what otherwise.
#define MJ_TOML_GET(key, test, expected)                                                                      \
  if (!has(key)) missing(key, expected);                                                                      \
  const toml::node& node = *state_->table->get(key);                                                          \
  if (!(test)) fail("{}: '{}'{} is {}; expected {}", where(key), key, inside(state_->path), type_name(node), expected)

bool TomlTable::holds_text(std::string_view key) { return has(key) && state_->table->get(key)->is_string(); }

std::string TomlTable::text(std::string_view key) {
  MJ_TOML_GET(key, node.is_string(), "text in quotes");
  return node.as_string()->get();
}

std::string TomlTable::text(std::string_view key, std::string_view otherwise) {
  return has(key) ? text(key) : std::string(otherwise);
}

double TomlTable::number(std::string_view key) {
  MJ_TOML_GET(key, node.is_number(), "a number");
  const double value = *node.value<double>();
  if (!(value - value == 0)) fail("{}: '{}'{} is not finite", where(key), key, inside(state_->path));
  return value;
}

double TomlTable::number(std::string_view key, double otherwise) { return has(key) ? number(key) : otherwise; }

std::int64_t TomlTable::integer(std::string_view key) {
  MJ_TOML_GET(key, node.is_integer(), "an integer");
  return node.as_integer()->get();
}

std::int64_t TomlTable::integer(std::string_view key, std::int64_t otherwise) {
  return has(key) ? integer(key) : otherwise;
}

bool TomlTable::boolean(std::string_view key, bool otherwise) {
  if (!has(key)) return otherwise;
  MJ_TOML_GET(key, node.is_boolean(), "true or false");
  return node.as_boolean()->get();
}

std::vector<std::string> TomlTable::texts(std::string_view key) {
  if (!has(key)) return {};
  MJ_TOML_GET(key, node.is_array(), "a list of texts");
  std::vector<std::string> out;
  for (const toml::node& element : *node.as_array()) {
    if (!element.is_string()) {
      fail("{}: '{}'{} holds {}; expected a list of texts", where(key), key, inside(state_->path), type_name(element));
    }
    out.push_back(element.as_string()->get());
  }
  return out;
}

std::vector<double> TomlTable::numbers(std::string_view key) {
  MJ_TOML_GET(key, node.is_array(), "a list of numbers");
  std::vector<double> out;
  for (const toml::node& element : *node.as_array()) {
    if (!element.is_number()) {
      fail("{}: '{}'{} holds {}; expected a list of numbers", where(key), key, inside(state_->path), type_name(element));
    }
    const double value = *element.value<double>();
    if (!(value - value == 0)) fail("{}: '{}'{} holds a number that is not finite", where(key), key, inside(state_->path));
    out.push_back(value);
  }
  return out;
}

TomlTable TomlTable::table(std::string_view key) {
  static const toml::table kEmpty;
  auto state = std::make_shared<State>();
  state->root = state_->root;
  state->file = state_->file;
  state->path = state_->path.empty() ? std::string(key) : state_->path + "." + std::string(key);
  state->table = &kEmpty;
  if (has(key)) {
    MJ_TOML_GET(key, node.is_table(), "a table");
    state->table = node.as_table();
  }
  return TomlTable(std::move(state));
}

std::vector<std::string> TomlTable::keys() const {
  std::vector<std::string> out;
  for (const auto& [key, node] : *state_->table) out.emplace_back(key.str());
  std::sort(out.begin(), out.end());
  return out;
}

void TomlTable::missing(std::string_view key, std::string_view expected) const {
  std::vector<std::string> others = keys();
  std::erase_if(others, [&](const std::string& other) { return state_->asked.contains(other); });
  if (const auto slip = nearest(key, others)) {
    fail("{}: unknown key '{}'{}; did you mean '{}'?", where(*slip), *slip, inside(state_->path), key);
  }
  fail("{}: '{}' is missing{}; expected {}", where(), key, inside(state_->path), expected);
}

void TomlTable::finish() const {
  const std::vector<std::string> known(state_->asked.begin(), state_->asked.end());
  for (const std::string& key : keys()) {
    if (state_->asked.contains(key)) continue;
    const auto likely = nearest(key, known);
    std::string list;
    for (const std::string& name : known) list += (list.empty() ? "" : ", ") + name;
    fail("{}: unknown key '{}'{}; {}", where(key), key, inside(state_->path),
         likely ? fmt::format("did you mean '{}'?", *likely) : fmt::format("known keys: {}", list));
  }
}

}  // namespace mj
