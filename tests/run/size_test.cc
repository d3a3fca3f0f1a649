// SPDX-License-Identifier: Apache-2.0

// `make size` of an emitted folder, for every machine, against what the report says of the network.
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "compiled.h"
#include "mj/arch/architecture.h"
#include "mj/base/process.h"
#include "mj/emit/machines.h"
#include "mj/ir/memory.h"
#include "mj/pass/lower.h"
#include "mj/pass/plan_units.h"
#include "mj/platform/platform.h"
#include "random_int8_graph.h"

namespace mj {
namespace {

constexpr Bytes kBoard = 64;  // what board.c and its files need of the RAM

/// The names and numbers that `make size` prints.
std::map<std::string, Bytes> sizes_of(const std::filesystem::path& folder, const std::string& machine) {
  const ProcessResult made = run_process({"make", "-s", "size", "MACHINE=" + machine}, {}, folder);
  EXPECT_EQ(made.exit_code, 0) << made.errors;
  std::istringstream text(std::string(reinterpret_cast<const char*>(made.output.data()), made.output.size()));
  std::map<std::string, Bytes> sizes;
  std::string name;
  for (Bytes bytes = 0; text >> name >> bytes;) sizes[name] = bytes;
  return sizes;
}

/// The first number of that name in a manifest behind `from`.
Bytes number_in(const std::string& manifest, const std::string& name, const std::string& from = "{") {
  const std::string label = "\"" + name + "\": ";
  const std::size_t at = manifest.find(label, manifest.find(from));
  return at == std::string::npos ? -1 : std::stoll(manifest.substr(at + label.size()));
}

struct Device {
  const char* machine;
  const char* compiler;
  const char* platform;  ///< one with such a processor
  Bytes stack;           ///< of the Makefile
  double least;          ///< share of the estimate that is taken at least

  friend void PrintTo(const Device& device, std::ostream* out) { *out << device.machine; }
};

class Size : public testing::TestWithParam<Device> {
 protected:
  void SetUp() override {
    if (!has_program(GetParam().compiler)) GTEST_SKIP() << "not installed: " << GetParam().compiler;
  }
  const DeviceMachine& machine_ = find_machine(GetParam().machine);
  const ScratchFolder folder_;
};

TEST_P(Size, OfStateAndConstantsIsThatOfTheReport) {
  for (const std::uint64_t seed : {102u, 105u, 108u}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Graph graph = random_int8_graph(seed, 12);
    const auto net = folder_.path() / std::to_string(seed);
    write_firmware(net, emit(graph, {.name = "net", .target = machine_.target}));
    auto found = sizes_of(net, machine_.name);
    EXPECT_EQ(found["state_bytes"], state_bytes(graph));
    EXPECT_FALSE(found.contains("nvm_state_bytes"));
    EXPECT_GE(found["ram_bytes"], state_bytes(graph) + GetParam().stack);
    EXPECT_LE(found["ram_bytes"], state_bytes(graph) + GetParam().stack + kBoard);
    EXPECT_GE(found["constant_bytes"], constant_bytes(graph));
  }
}

TEST_P(Size, OfANetworkIsWithinTheEstimate) {
  const Graph graph = lower_for_estimate(build(parse_architecture("resnet-8-w8-s2"), {28, 28, 1}, 10, 1));
  const Estimate report = estimate(graph, find_platform(GetParam().platform));
  write_firmware(folder_.path() / "net", emit(graph, {.name = "net", .target = machine_.target}));
  auto found = sizes_of(folder_.path() / "net", machine_.name);
  EXPECT_LE(found["nvm_bytes"], report.nvm_bytes);
  EXPECT_GE(static_cast<double>(found["nvm_bytes"]), GetParam().least * static_cast<double>(report.nvm_bytes));
  // A pointer of the descriptions takes two bytes on the MSP430; compilers add constants of their own.
  EXPECT_GE(found["constant_bytes"], constant_bytes(graph));
  EXPECT_LE(static_cast<double>(found["constant_bytes"]), 1.01 * static_cast<double>(exported_bytes(graph)));
}

TEST_P(Size, OfIntermittentFirmwareIsThatOfItsManifest) {
  const Platform platform = find_platform(GetParam().platform);
  const Graph graph = lower_for_estimate(build(parse_architecture("resnet-8-w8-s2"), {28, 28, 1}, 10, 1));
  const Graph planned = plan_units(graph, platform, {.charge = parse_energy("500 uJ"), .word_bytes = 1});
  const Estimate report = estimate(planned, platform);
  const Firmware firmware = emit(planned, {.name = "net", .target = machine_.target}, &platform, &report);
  write_firmware(folder_.path() / "net", firmware);
  const std::string& manifest = firmware.at("manifest.json");
  auto found = sizes_of(folder_.path() / "net", machine_.name);
  const Bytes persistent = number_in(manifest, "nvm_state_bytes");
  EXPECT_EQ(found["nvm_state_bytes"], persistent);
  EXPECT_GE(found["state_bytes"], number_in(manifest, "state_bytes"));
  EXPECT_LE(found["state_bytes"], number_in(manifest, "state_bytes") + 8) << "and where the rest lies";
  // The application's copy of the input is not the network's.
  const auto own = static_cast<double>(found["nvm_bytes"] - graph.type(graph.inputs[0]).bytes());
  const auto estimated = static_cast<double>(number_in(manifest, "nvm_bytes", "\"estimate\""));
  EXPECT_EQ(static_cast<Bytes>(estimated), report.nvm_bytes + persistent);
  EXPECT_LE(own, 1.03 * estimated) << "of which the units' code is not in the estimate";
  EXPECT_GE(own, GetParam().least * estimated);
  EXPECT_EQ(number_in(manifest, "ram_bytes", "\"estimate\""), number_in(manifest, "state_bytes") + static_cast<Bytes>(platform.stack_bytes.value));
}

// No description is of a RISC-V: its code is shorter than a Cortex-M's.
INSTANTIATE_TEST_SUITE_P(Machines, Size,
                         testing::Values(Device{"m0", "arm-none-eabi-gcc", "rp2040", 1024, 0.85},
                                         Device{"m4", "arm-none-eabi-gcc", "stm32l4r5", 1024, 0.85},
                                         Device{"m55", "arm-none-eabi-gcc", "stm32l4r5", 1024, 0.85},
                                         Device{"rv32", "riscv64-unknown-elf-gcc", "stm32l4r5", 1024, 0.8},
                                         Device{"msp430fr5994", "clang", "msp430fr5994", 320, 0.85}),
                         [](const auto& test) { return std::string(test.param.machine); });

}  // namespace
}  // namespace mj
