// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/device_folder.h"

#include <nlohmann/json.hpp>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/process.h"

namespace mj {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLongestComplaint = 1500;

Bytes byte_count(const Json& json, const char* key) {
  const Bytes bytes = json.at(key).get<Bytes>();
  if (bytes <= 0 || bytes > (Bytes{1} << 30)) fail("'{}' is {}; expected a size of memory", key, bytes);
  return bytes;
}

DeviceFolder from_manifest(const Json& json) {
  DeviceFolder folder;
  if (json.at("schema").get<int>() != 1) fail("schema {}; expected 1", json.at("schema").dump());
  folder.name = json.at("name").get<std::string>();
  folder.target = json.at("target").get<std::string>();
  folder.intermittent = json.contains("units");
  folder.input_bytes = byte_count(json.at("input"), "bytes");
  folder.input_shape = json.at("input").at("shape").get<std::vector<std::int64_t>>();
  for (const Json& output : json.at("outputs")) folder.output_bytes.push_back(byte_count(output, "bytes"));
  for (const Json& layer : json.at("layers")) folder.layers.push_back(layer.at("name").get<std::string>());
  return folder;
}

const ElfMachine& processor_of(const DeviceMachine& machine) {
  return machine.target == "msp430" ? kElfMsp430 : machine.target == "riscv" ? kElfRiscv : kElfArm;
}

}  // namespace

DeviceFolder read_device_folder(const std::filesystem::path& path) {
  const std::filesystem::path manifest = path / "manifest.json";
  const std::string text = read_text(manifest);
  return with_context(manifest.string(), [&] {
    try {
      DeviceFolder folder = from_manifest(Json::parse(text));
      folder.path = path;
      return folder;
    } catch (const Json::exception& error) {
      fail("not the manifest of a firmware folder: {}", error.what());
    }
  });
}

ElfProgram build_program(const DeviceFolder& folder, const DeviceMachine& machine, std::filesystem::path& elf) {
  if (folder.target != machine.target) {
    fail("{}: emitted for target {}; machine {} needs 'emit --target {}'", folder.path.string(), folder.target, machine.name,
         machine.target);
  }
  const ProcessResult made = run_process({"make", "-s", "MACHINE=" + machine.name}, {}, folder.path);
  if (made.exit_code != 0) {
    fail("{}: make MACHINE={} failed: {}", folder.path.string(), machine.name, made.errors.substr(0, kLongestComplaint));
  }
  elf = std::filesystem::absolute(folder.path / "build" / machine.name / (folder.name + ".elf"));
  return load_elf(elf, processor_of(machine));
}

}  // namespace mj
