// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/powercut/firmware.h"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "mj/base/error.h"
#include "mj/base/file.h"

namespace mj {
namespace {

using Json = nlohmann::json;

constexpr Bytes kLargest = Bytes{1} << 31;
constexpr std::size_t kMaxUnits = 32766;

const Json& member(const Json& json, const char* key) {
  if (!json.is_object() || !json.contains(key)) fail("'{}' is missing", key);
  return json.at(key);
}

std::string text(const Json& json, const char* key) {
  const Json& value = member(json, key);
  if (!value.is_string()) fail("'{}' is not a text", key);
  return value.get<std::string>();
}

Bytes count(const Json& value, const char* key, Bytes least = 0) {
  if (!value.is_number_integer() || value < least || value > kLargest) fail("'{}' is not a number of {} to {}", key, least, kLargest);
  return value.get<Bytes>();
}
Bytes number(const Json& json, const char* key, Bytes least = 0) { return count(member(json, key), key, least); }

const Json& list(const Json& json, const char* key) {
  const Json& value = member(json, key);
  if (!value.is_array()) fail("'{}' is not a list", key);
  return value;
}

TouchedBytes touched(const Json& json, const FirmwareFolder& firmware) {
  TouchedBytes out;
  const std::string place = text(json, "in");
  if (place != "arena" && place != "partial" && place != "result") fail("'in' is '{}'; expected arena, partial or result", place);
  out.place = place == "arena" ? TouchedBytes::Place::kArena
              : place == "partial" ? TouchedBytes::Place::kPartial : TouchedBytes::Place::kResult;
  out.begin = number(json, "begin");
  out.run = number(json, "run", 1);
  Bytes last = out.begin + out.run;
  for (const Json& loop : list(json, "loops")) {
    if (!loop.is_array() || loop.size() != 2 || out.loops.size() == 8) fail("'loops' holds something that is no [count, step]");
    const Bytes times = count(loop[0], "loops", 1), step = count(loop[1], "loops");
    if (step != 0 && times - 1 > kLargest / step) fail("'loops' leaves the memory");
    last += (times - 1) * step;
    out.loops.emplace_back(times, step);
  }
  const Bytes size = out.place == TouchedBytes::Place::kResult ? firmware.result_bytes : firmware.arena_bytes;
  if (last > size) fail("bytes up to {} are outside of the {} of {}", last, place, size);
  if (out.bytes() > size) fail("{} bytes are more than the {} of {}", out.bytes(), place, size);
  return out;
}

bool is_name(const std::string& name) {
  return !name.empty() && name.size() < 64 && std::ranges::all_of(name, [](unsigned char c) {
    return c == '_' || (c < 128 && std::isalnum(c) != 0);
  });
}

FirmwareFolder parse(const std::filesystem::path& directory, const Json& json) {
  FirmwareFolder out;
  out.directory = directory;
  if (number(json, "schema") != 1) fail("'schema' is {}; expected 1", number(json, "schema"));
  out.name = text(json, "name");
  if (!is_name(out.name)) fail("'name' is '{}'; expected a C identifier", out.name);
  if (!json.contains("units")) fail("has no units: this firmware does not survive power cuts; emit it with --intermittent");
  out.build_id = text(json, "build_id");
  out.nvm = text(json, "nvm");
  if (out.nvm != "fram" && out.nvm != "bytes" && out.nvm != "words") fail("'nvm' is '{}'; expected fram, bytes or words", out.nvm);
  out.word_bytes = number(json, "word_bytes", 1);
  if (out.word_bytes != (out.nvm == "words" ? 16 : 1)) fail("'word_bytes' is {}, which '{}' memory does not have", out.word_bytes, out.nvm);
  out.commit_bytes = number(json, "commit_bytes", 1);
  out.input_bytes = number(member(json, "input"), "bytes", 1);
  out.arena_bytes = number(json, "arena_bytes", 1);
  out.result_bytes = number(json, "result_bytes", 1);
  out.input_offset = number(json, "input_offset");
  if (out.input_bytes > out.arena_bytes || out.input_offset > out.arena_bytes - out.input_bytes) fail("'input_offset' leaves the arena");
  out.arena_lower_bound_bytes = number(json, "arena_lower_bound_bytes");
  out.activation_bytes = out.input_bytes;
  std::vector<std::string> names;
  for (const Json& layer : list(json, "layers")) {
    names.push_back(text(layer, "name"));
    if (text(layer, "kernel") != "none") out.activation_bytes += number(layer, "outputs");
  }
  const Json& units = list(json, "units");
  if (units.empty() || units.size() > kMaxUnits) fail("'units' holds {}; expected 1 to {}", units.size(), kMaxUnits);
  for (std::size_t i = 0; i < units.size(); ++i) {
    with_context(fmt::format("unit {}", i), [&] {
      FirmwareUnit unit;
      unit.op = text(units[i], "op");
      const auto node = static_cast<std::size_t>(number(units[i], "node"));
      if (number(units[i], "index") != static_cast<Bytes>(i) || node > names.size()) fail("is out of order");
      unit.node = node < names.size() ? names[node] : "outputs";
      for (const Json& region : list(units[i], "reads")) unit.reads.push_back(touched(region, out));
      for (const Json& region : list(units[i], "writes")) unit.writes.push_back(touched(region, out));
      if (unit.writes.empty()) fail("writes nothing");
      out.units.push_back(std::move(unit));
    });
  }
  if (json.contains("exits")) {
    const Json& exits = list(json, "exits");
    for (const Json& exit : exits) {
      const std::int64_t unit = number(exit, "unit");
      if (unit >= static_cast<std::int64_t>(out.units.size()) || (!out.decisions.empty() && unit <= out.decisions.back())) {
        fail("'exits' decides at unit {}, which is out of order or not among {}", unit, out.units.size());
      }
      out.decisions.push_back(unit);
    }
    if (exits.size() < 2 || exits.size() > 255 || out.decisions.back() + 1 != static_cast<std::int64_t>(out.units.size())) {
      fail("'exits' holds {}; expected at least one and the end, which is the last unit", exits.size());
    }
    out.decisions.pop_back();
  }
  return out;
}

}  // namespace

Bytes TouchedBytes::bytes() const {
  Bytes bytes = run;
  for (const auto& [times, step] : loops) {
    if (__builtin_mul_overflow(bytes, times, &bytes)) return std::numeric_limits<Bytes>::max();
  }
  return bytes;
}

FirmwareFolder read_firmware(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / "manifest.json";
  if (!std::filesystem::exists(path)) fail("{}: no manifest.json; expected a folder that 'millijoule emit' wrote", directory.string());
  return with_context(path.string(), [&] {
    Json json;
    try {
      json = Json::parse(read_text(path));
    } catch (const Json::exception&) {
      fail("is not JSON");
    }
    return parse(directory, json);
  });
}

}  // namespace mj
