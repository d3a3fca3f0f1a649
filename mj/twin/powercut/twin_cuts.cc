// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/powercut/twin_cuts.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <tuple>

#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/base/temporary_folder.h"
#include "mj/twin/powercut/cut_job.h"
#include "mj/twin/powercut/program.h"

namespace mj {
namespace {

constexpr int kInputs = 2;

bool in_partial(const TouchedBytes& touched) { return touched.place == TouchedBytes::Place::kPartial; }

/// The folder, or a copy with the fault in it, so that what the user has stays as it is.
DeviceFolder sources_of(const FirmwareFolder& folder, const std::string& seed_bug, const std::filesystem::path& copy) {
  DeviceFolder device = read_device_folder(folder.directory);
  if (device.target == "host") {
    fail("{}: emitted for target host; expected 'emit --target msp430' or cortex-m", folder.directory.string());
  }
  if (seed_bug.empty()) return device;
  for (const auto& entry : std::filesystem::directory_iterator(folder.directory)) {
    if (entry.is_regular_file()) std::filesystem::copy_file(entry.path(), copy / entry.path().filename());
  }
  plant_bug(copy, folder, seed_bug);
  device.path = copy;
  return device;
}

}  // namespace

std::string Stretches::describe(std::int64_t stretch) const {
  const auto units = static_cast<std::int64_t>(folder_.units.size());
  if (stretch == 0) return "the first power-on with the input";
  if (stretch == units + 1) return "the delivery";
  if (stretch == units + 2) return "the end of the delivery";
  const FirmwareUnit& unit = folder_.units[static_cast<std::size_t>(stretch - 1)];
  return fmt::format("unit {} ({} '{}')", stretch - 1, unit.op, unit.node);
}

std::vector<std::int64_t> Stretches::one_of_every_kind() const {
  std::vector<std::int64_t> chosen{0};
  std::set<std::tuple<std::string, std::string, bool, bool>> seen;
  for (std::size_t u = 0; u < folder_.units.size(); ++u) {
    const FirmwareUnit& unit = folder_.units[u];
    const bool goes_on = std::ranges::any_of(unit.reads, in_partial), is_left = std::ranges::any_of(unit.writes, in_partial);
    if (seen.emplace(unit.op, unit.node, goes_on, is_left).second) chosen.push_back(static_cast<std::int64_t>(u) + 1);
  }
  chosen.push_back(count() - 2);
  chosen.push_back(count() - 1);
  return chosen;
}

TwinCutResult cut_power_on_twin(const FirmwareFolder& folder, const TwinCutOptions& options, Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  const TemporaryFolder copy;
  DeviceFolder device = sources_of(folder, options.seed_bug, copy.path());
  check_target(device.target);
  const DeviceMachine& machine = options.machine.empty() ? default_machine(device.target) : find_machine(options.machine);
  CutJob job{folder, options, machine, std::move(device), {}, {}, {}};
  job.program = build_program(job.device, machine, job.elf);
  for (int k = 0; k < kInputs; ++k) {
    RandomStream random(options.seed, 0x1b9, static_cast<std::uint64_t>(k));
    std::vector<std::byte> input(static_cast<std::size_t>(folder.input_bytes));
    for (std::byte& byte : input) byte = static_cast<std::byte>(random.next() >> 56);
    job.inputs.push_back(std::move(input));
  }
  TwinCutResult result = with_context(folder.directory.string(), [&] {
    return machine.target == "msp430" ? cut_on_msp430_core(job, progress) : cut_on_qemu(job, progress);
  });
  result.machine = machine.name;
  result.title = machine.title;
  result.units = static_cast<std::int64_t>(folder.units.size());
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace mj
