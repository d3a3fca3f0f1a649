// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/spec.h"

#include <algorithm>
#include <cctype>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/text.h"
#include "mj/base/toml.h"

namespace mj {
namespace {

/// A number inside limits, else an error that says which.
double limited(TomlTable& table, std::string_view key, double otherwise, double low, double high) {
  const double value = table.number(key, otherwise);
  if (!(value >= low && value <= high)) {
    fail("{}: '{}' is {}; expected {} to {}", table.where(key), key, number_text(value), number_text(low), number_text(high));
  }
  return value;
}

int whole(TomlTable& table, std::string_view key, int otherwise, int low, int high) {
  const std::int64_t value = table.integer(key, otherwise);
  if (value < low || value > high) fail("{}: '{}' is {}; expected {} to {}", table.where(key), key, value, low, high);
  return static_cast<int>(value);
}

/// Parses a text value, errors carrying its place.
template <class Parse>
auto parsed(TomlTable& table, std::string_view key, Parse parse) {
  const std::string text = table.text(key);
  return with_context(table.where(key), [&] { return parse(text); });
}

/// A number within limits, or nothing for "auto".
std::optional<double> limited_or_auto(TomlTable& table, std::string_view key, std::optional<double> otherwise, double low, double high) {
  if (!table.holds_text(key)) return limited(table, key, *otherwise, low, high);
  if (const std::string word = table.text(key); word != "auto") {
    fail("{}: '{}' is \"{}\"; expected \"auto\" or a number", table.where(key), key, word);
  }
  return std::nullopt;
}

/// The energy per inference, given or from where the device's energy comes from.
void read_energy(TomlTable& budget, Spec& spec) {
  const bool battery = budget.has("battery"), harvest = budget.has("harvest");
  if (!battery && !harvest) {
    spec.energy = parsed(budget, "energy", parse_energy);
    if (spec.energy.value <= 0) fail("{}: energy is zero; expected more, e.g. \"3 mJ\"", budget.where("energy"));
    return;
  }
  if (battery && harvest) fail("{}: battery and harvest are both given; expected one of them", budget.where("harvest"));
  if (budget.has("energy")) {
    fail("{}: energy is given, and so is where it comes from; expected one of them", budget.where("energy"));
  }
  Scenario scenario;
  if (battery) {
    scenario.battery = parsed(budget, "battery", parse_energy);
    scenario.lifetime = parsed(budget, "lifetime", parse_time);
    if (scenario.battery->value <= 0) fail("{}: the battery holds nothing; expected more, e.g. \"660 mWh\"", budget.where("battery"));
    if (scenario.lifetime.value <= 0) fail("{}: the lifetime is zero; expected more, e.g. \"365 d\"", budget.where("lifetime"));
  } else {
    scenario.harvest_w = parsed(budget, "harvest", parse_power);
    if (*scenario.harvest_w <= 0) fail("{}: nothing is harvested; expected more, e.g. \"50 uW\"", budget.where("harvest"));
  }
  scenario.inferences_per_day = budget.number("inferences_per_day");
  if (scenario.inferences_per_day <= 0) {
    fail("{}: 'inferences_per_day' is {}; expected more than 0", budget.where("inferences_per_day"), scenario.inferences_per_day);
  }
  scenario.rest = limited(budget, "rest", 0, 0, 0.999);
  spec.energy = budget_of(scenario);
  spec.scenario = scenario;
}

ExitsSpec read_exits(TomlTable& table) {
  ExitsSpec exits;
  if (table.holds_text("at")) {
    if (const std::string word = table.text("at"); word != "auto") {
      fail("{}: 'at' is \"{}\"; expected \"auto\" or a list of names", table.where("at"), word);
    }
  } else if (table.has("at")) {
    exits.at = table.texts("at");
    if (exits.at.empty()) fail("{}: 'at' names no exit; expected \"auto\" or a list of names", table.where("at"));
  }
  exits.count = whole(table, "count", exits.count, 1, 64);
  if (table.has("method")) exits.head.method = parsed(table, "method", parse_exit_method);
  exits.head.width = whole(table, "width", exits.head.width, 1, 1024);
  exits.head.grid = whole(table, "grid", exits.head.grid, 1, 64);
  exits.epochs = whole(table, "epochs", exits.epochs, 1, 100000);
  exits.views = whole(table, "views", exits.views, 1, 1000);
  exits.learning_rate = limited(table, "learning_rate", exits.learning_rate, 1e-9, 100);
  exits.drop = limited(table, "drop", exits.drop, 0, 1);
  return exits;
}

bool is_c_identifier(const std::string& name) {
  return !name.empty() && !std::isdigit(static_cast<unsigned char>(name[0])) &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

/// A candidate; reductions are of the teacher only.
Student teachers_student(const std::string& name, const std::string& teacher) {
  Student student = parse_student(name);
  const std::string network = reduced_network(student);
  if (!network.empty() && network != teacher) {
    fail("student '{}' is made of '{}'; expected of the teacher, '{}'", name, network, teacher);
  }
  return student;
}

}  // namespace

Spec parse_spec(std::string_view text, const std::string& name, const std::filesystem::path& folder) {
  TomlTable top = TomlTable::parse(text, name);
  if (const auto format = top.integer("format"); format != 1) {
    fail("{}: format {} unknown; this millijoule reads format 1", top.where("format"), format);
  }
  Spec spec;
  spec.name = top.text("name", spec.name);
  if (!is_c_identifier(spec.name)) {
    fail("{}: name '{}' is not a C identifier; expected letters, digits and underscores", top.where("name"), spec.name);
  }
  spec.seed = static_cast<std::uint64_t>(whole(top, "seed", 1, 0, 2147483647));

  TomlTable teacher = top.table("teacher");
  spec.teacher = folder / teacher.text("model");
  teacher.finish();

  TomlTable data = top.table("data");
  spec.data = data.text("set");
  spec.validation = limited(data, "validation", spec.validation, 0.01, 0.5);
  data.finish();

  TomlTable platform = top.table("platform");
  spec.platform = platform.text("name");
  if (spec.platform.ends_with(".toml")) spec.platform = (folder / spec.platform).string();
  platform.finish();

  TomlTable budget = top.table("budget");
  read_energy(budget, spec);
  if (budget.has("nvm")) spec.nvm = parsed(budget, "nvm", parse_bytes);
  if (budget.has("ram")) spec.ram = parsed(budget, "ram", parse_bytes);
  budget.finish();

  TomlTable students = top.table("students");
  for (const std::string& member : students.texts("candidates")) {
    spec.students.push_back(with_context(students.where("candidates"), [&] { return teachers_student(member, spec.teacher.stem().string()); }));
  }
  spec.probes = whole(students, "probes", spec.probes, 1, 20);
  spec.probe = limited(students, "probe", spec.probe, 0.001, 1);
  students.finish();

  TomlTable distil = top.table("distil");
  spec.epochs = whole(distil, "epochs", spec.epochs, 1, 100000);
  spec.batch = whole(distil, "batch", spec.batch, 2, 65536);
  spec.learning_rate = limited(distil, "learning_rate", spec.learning_rate, 1e-9, 100);
  spec.weight_decay = limited(distil, "weight_decay", spec.weight_decay, 0, 1);
  if (distil.has("objective")) spec.objective = parsed(distil, "objective", parse_objective);
  spec.temperature = limited_or_auto(distil, "temperature", spec.temperature, 0.01, 1000);
  spec.alpha = limited_or_auto(distil, "alpha", spec.alpha, 0, 1);
  spec.crop = whole(distil, "crop", spec.crop, 0, 64);
  spec.flip = distil.boolean("flip", spec.flip);
  spec.views = whole(distil, "views", spec.views, 0, 1000);
  spec.ema = limited(distil, "ema", spec.ema, 0, 0.99999);
  if (distil.has("precision")) spec.precision = parsed(distil, "precision", parse_precision);
  distil.finish();

  if (top.has("exits")) {
    TomlTable exits = top.table("exits");
    spec.exits = read_exits(exits);
    exits.finish();
  }
  TomlTable compress = top.table("compress");
  spec.compress_epochs = whole(compress, "epochs", spec.compress_epochs, 0, 100000);
  if (spec.compress_epochs == 1) fail("{}: 'epochs' is 1; expected 0 for no compression, or at least 2", compress.where("epochs"));
  compress.finish();

  TomlTable quantize = top.table("quantize");
  spec.calibration = whole(quantize, "images", spec.calibration, 1, 1000000);
  quantize.finish();

  TomlTable output = top.table("output");
  spec.output = output.text("folder", "out/" + spec.name);
  output.finish();
  top.finish();
  return spec;
}

Spec read_spec(const std::filesystem::path& path) {
  return parse_spec(read_text(path), path.string(), path.parent_path());
}

}  // namespace mj
