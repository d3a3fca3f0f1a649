// SPDX-License-Identifier: Apache-2.0
#include "mj/platform/platform.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/random.h"
#include "tests/unit/error_of.h"

namespace mj {
namespace {

const std::string kGood = R"(format = 1
name = "toy"
title = "A toy"
frequency = { value = 4, unit = "MHz", source = "datasheet: sheet 1" }
voltage = { value = 2500, unit = "mV", source = "assumed: as measured" }
energy_per_cycle = { value = 100, unit = "uA/MHz", source = "measured: us, from FRAM" }
boot_energy = { value = 0.5, unit = "uJ", source = "datasheet: sheet 2" }
ram = { value = 8, unit = "KiB", source = "datasheet: sheet 3" }
nvm = { value = 256, unit = "kB", source = "datasheet: sheet 3" }
reserved_nvm = { value = 100, unit = "B", source = "assumed: start-up code" }
stack = { value = 0, unit = "B", source = "assumed: none" }
)";

std::string kernel_lines(const std::string& name, int base) {
  const auto n = [&](int i) { return std::to_string(base + i); };
  return "[kernel." + name + "]\ncycles_per_call = " + n(1) + "\ncycles_per_mac = " + n(2) +
         ".5\ncycles_per_output = " + n(3) + "\ncycles_per_weight_byte = " + n(4) + "\ncode_bytes = " + n(5) +
         "\nbytes_per_call = " + n(6) + "\nsource = \"assumed: " + name + "\"\n";
}

std::string good() {
  std::string out = kGood;
  int base = 10;
  for (const char* name : {"conv", "depthwise", "linear", "pool", "elementwise", "move", "softmax"}) {
    out += kernel_lines(name, base);
    base += 10;
  }
  return out;
}

std::string with(const std::string& old_text, const std::string& new_text) {
  std::string out = good();
  const std::size_t at = out.find(old_text);
  EXPECT_NE(at, std::string::npos) << old_text;
  return out.replace(at, old_text.size(), new_text);
}

std::string parse_error(const std::string& toml) {
  return error_of([&] { parse_platform(toml, "toy", "toy.toml"); });
}

TEST(Platform, ReadsNumbersInSiUnits) {
  const Platform toy = parse_platform(good(), "toy", "toy.toml");
  EXPECT_EQ(toy.name, "toy");
  EXPECT_EQ(toy.title, "A toy");
  EXPECT_DOUBLE_EQ(toy.frequency_hz.value, 4e6);
  EXPECT_DOUBLE_EQ(toy.voltage_v.value, 2.5);
  // 100 uA/MHz at 2.5 V: 100e-6 A * 2.5 V per 1e6 cycles per second.
  EXPECT_DOUBLE_EQ(toy.energy_per_cycle_j.value, 250e-12);
  EXPECT_EQ(toy.energy_per_cycle_j.source.kind, Source::Kind::kMeasured);
  EXPECT_EQ(toy.energy_per_cycle_j.source.text, "us, from FRAM");
  EXPECT_DOUBLE_EQ(toy.boot_energy_j.value, 0.5e-6);
  EXPECT_FALSE(toy.boots_per_inference);
  EXPECT_EQ(toy.ram_bytes.value, 8192);
  EXPECT_EQ(toy.nvm_bytes.value, 256000);
  EXPECT_EQ(toy.reserved_nvm_bytes.value, 100);
  EXPECT_EQ(toy.stack_bytes.value, 0);
  const CostLine& linear = toy.kernels[static_cast<std::size_t>(Kernel::kLinear)];
  EXPECT_EQ(linear.per_call, 31);
  EXPECT_EQ(linear.per_mac, 32.5);
  EXPECT_EQ(linear.per_output, 33);
  EXPECT_EQ(linear.per_weight_byte, 34);
  EXPECT_EQ(linear.code_bytes, 35);
  EXPECT_EQ(linear.bytes_per_call, 36);
  EXPECT_EQ(linear.source.text, "linear");
  EXPECT_TRUE(parse_platform(with("boot_energy =", "boots_per_inference = true\nboot_energy ="), "toy", "")
                  .boots_per_inference);
  EXPECT_DOUBLE_EQ(
      parse_platform(with("100, unit = \"uA/MHz\"", "354, unit = \"pJ\""), "toy", "").energy_per_cycle_j.value,
      354e-12);
}

TEST(Platform, MayGiveLinesOfEncodedWeights) {
  const auto line = [](const std::string& toml, Kernel kernel) {
    return parse_platform(toml, "toy", "toy.toml").kernels[static_cast<std::size_t>(kernel)];
  };
  // Without them those of the plain kernels stand in.
  const CostLine assumed = line(good(), Kernel::kConvEncoded), plain = line(good(), Kernel::kConv);
  EXPECT_EQ(assumed.per_mac, plain.per_mac);
  EXPECT_EQ(assumed.per_symbol, plain.per_mac);
  EXPECT_EQ(assumed.per_gathered, plain.per_mac);
  EXPECT_EQ(assumed.source.kind, Source::Kind::kAssumed);
  EXPECT_EQ(line(good(), Kernel::kLinearEncoded).per_mac, 32.5);
  const std::string more = kernel_lines("conv_encoded", 80) + "cycles_per_symbol = 8.5\ncycles_per_gathered = 9\n";
  const CostLine given = line(good() + more, Kernel::kConvEncoded);
  EXPECT_EQ(given.per_mac, 82.5);
  EXPECT_EQ(given.per_symbol, 8.5);
  EXPECT_EQ(given.per_gathered, 9);
  EXPECT_EQ(given.source.text, "conv_encoded");
  // The line that stands for all encodings gives way to one's own.
  const std::string own = more + kernel_lines("conv_bitmap_int4", 90);
  EXPECT_EQ(line(good() + own, Kernel::kConvRelativeInt8), given);
  EXPECT_EQ(line(good() + own, Kernel::kConvBitmapInt4).per_mac, 92.5);
  EXPECT_EQ(line(good() + own, Kernel::kLinearBitmapInt4).per_mac, 32.5);
  const auto rows = [](const std::string& toml, const std::string& name) {
    return describe(parse_platform(toml, "toy", "toy.toml")).find(name) != std::string::npos;
  };
  EXPECT_TRUE(rows(good() + own, "conv_bitmap_int4"));
  EXPECT_FALSE(rows(good() + own, "conv_relative_int8"));
}

TEST(Platform, NamesTheNearestKey) {
  EXPECT_EQ(parse_error(with("frequency", "frequencey")),
            "toy.toml:4: unknown key 'frequencey'; did you mean 'frequency'?");
  EXPECT_EQ(parse_error(with("boot_energy", "boots_per_inferense = true\nboot_energy")),
            "toy.toml:7: unknown key 'boots_per_inferense'; did you mean 'boots_per_inference'?");
  EXPECT_EQ(parse_error(with("title =", "colour = \"red\"\ntitle =")),
            "toy.toml:3: unknown key 'colour'; known keys: accelerator, boot_energy, boots_per_inference, energy_per_cycle, format, "
            "frequency, intermittent, kernel, name, nvm, ram, reserved_nvm, stack, title, voltage");
  EXPECT_EQ(parse_error(with("unit = \"MHz\"", "units = \"MHz\"")),
            "toy.toml:4: unknown key 'units' in [frequency]; did you mean 'unit'?");
  EXPECT_EQ(parse_error(with("unit = \"MHz\"", "unit = \"MHz\", at = 3")),
            "toy.toml:4: unknown key 'at' in [frequency]; known keys: source, unit, value");
  EXPECT_EQ(parse_error(with("[kernel.conv]", "[kernel.convs]")),
            "toy.toml:12: unknown key 'convs' in [kernel]; did you mean 'conv'?");
  EXPECT_EQ(parse_error(with("cycles_per_mac", "cycles_per_macs")),
            "toy.toml:14: unknown key 'cycles_per_macs' in [kernel.conv]; did you mean 'cycles_per_mac'?");
  // What runs nothing has no cost to give.
  EXPECT_EQ(
      parse_error(good() + kernel_lines("none", 1)),
      "toy.toml:68: unknown key 'none' in [kernel]; known keys: conv, conv_bitmap_int4, conv_bitmap_int8, conv_block4_int4, "
      "conv_block4_int8, conv_dense_int4, conv_encoded, conv_relative_int4, conv_relative_int8, depthwise, elementwise, linear, "
      "linear_bitmap_int4, linear_bitmap_int8, linear_block4_int4, linear_block4_int8, linear_dense_int4, linear_encoded, "
      "linear_relative_int4, linear_relative_int8, max_pool, mean, move, pool, product, softmax, table");
}

TEST(Platform, NamesWhatIsMissing) {
  EXPECT_EQ(parse_error(with("title = \"A toy\"\n", "")), "toy.toml:1: 'title' is missing; expected text in quotes");
  EXPECT_EQ(parse_error(with(", source = \"datasheet: sheet 1\"", "")),
            "toy.toml:4: 'source' is missing in [frequency]; expected text in quotes");
  EXPECT_EQ(parse_error(with("stack = { value = 0, unit = \"B\", source = \"assumed: none\" }\n", "")),
            "toy.toml:1: 'stack' is missing; expected { value = ..., unit = \"...\", source = \"...\" }");
  EXPECT_EQ(parse_error(kGood), "toy.toml:1: 'kernel' is missing; expected one table of costs per kernel");
  EXPECT_EQ(parse_error(kGood + kernel_lines("conv", 1)),
            "toy.toml:12: 'depthwise' is missing in [kernel]; expected a table with the cost of this kernel");
  EXPECT_EQ(parse_error(with("cycles_per_output = 13\n", "")),
            "toy.toml:12: 'cycles_per_output' is missing in [kernel.conv]; expected a number");
  EXPECT_EQ(parse_error(""), "toy.toml:1: 'format' is missing; expected an integer");
}

TEST(Platform, RefusesWrongUnits) {
  EXPECT_EQ(parse_error(with("\"MHz\"", "\"V\"")),
            "toy.toml:4: 'unit' in [frequency] is 'V', not a unit of frequency; expected Hz, kHz, MHz or GHz");
  EXPECT_EQ(parse_error(with("\"mV\"", "\"mA\"")),
            "toy.toml:5: 'unit' in [voltage] is 'mA', not a unit of voltage; expected V or mV");
  EXPECT_EQ(
      parse_error(with("\"uA/MHz\"", "\"J\"")),
      "toy.toml:6: 'unit' in [energy_per_cycle] is 'J', not a unit of energy per cycle; expected pJ, nJ or uA/MHz");
  EXPECT_EQ(parse_error(with("\"uJ\"", "\"uW\"")),
            "toy.toml:7: 'unit' in [boot_energy] is 'uW', not a unit of energy; expected J, mJ, uJ, nJ or pJ");
  EXPECT_EQ(parse_error(with("\"KiB\"", "\"KB\"")),
            "toy.toml:8: 'unit' in [ram] is 'KB', which means 1000 or 1024 bytes; expected kB (1000) or KiB (1024)");
  EXPECT_EQ(parse_error(with("\"KiB\"", "\"bit\"")),
            "toy.toml:8: 'unit' in [ram] is 'bit', not a unit of memory; expected B, kB, MB, GB, KiB, MiB or GiB");
}

TEST(Platform, RefusesNumbersThatCannotBe) {
  EXPECT_EQ(parse_error(with("value = 4,", "value = 0,")),
            "toy.toml:4: 'value' in [frequency] is 0; expected a positive number");
  EXPECT_EQ(parse_error(with("value = 4,", "value = -4,")),
            "toy.toml:4: 'value' is -4; expected a number that is not negative");
  for (const std::string number : {"inf", "-inf", "nan"}) {
    EXPECT_EQ(parse_error(with("value = 4,", "value = " + number + ",")),
              "toy.toml:4: 'value' in [frequency] is not finite");
  }
  EXPECT_EQ(parse_error(with("value = 4,", "value = \"4\",")),
            "toy.toml:4: 'value' in [frequency] is text; expected a number");
  EXPECT_EQ(parse_error(with("value = 100, unit = \"B\"", "value = 0.5, unit = \"B\"")),
            "toy.toml:10: 'value' in [reserved_nvm] is 0.5 B; expected a whole number of bytes that a device can have");
  EXPECT_EQ(parse_error(with("value = 8, unit = \"KiB\"", "value = 1e300, unit = \"KiB\"")),
            "toy.toml:8: 'value' in [ram] is 1e+300 KiB; expected a whole number of bytes that a device can have");
  EXPECT_EQ(parse_error(with("cycles_per_call = 11", "cycles_per_call = -1")),
            "toy.toml:13: 'cycles_per_call' is -1; expected a number that is not negative");
  EXPECT_EQ(parse_error(with("code_bytes = 15", "code_bytes = 1.5")),
            "toy.toml:17: 'code_bytes' is 1.5; expected a whole number of bytes");
  EXPECT_EQ(parse_error(with("code_bytes = 15", "code_bytes = 1e300")),
            "toy.toml:17: 'code_bytes' is 1e+300; expected a whole number of bytes");
}

TEST(Platform, RefusesNumbersWithoutASource) {
  for (const std::string source :
       {"", "sheet 1", "guess: sheet 1", "datasheet:", "datasheet: ", "datasheet", "Datasheet: x"}) {
    EXPECT_EQ(
        parse_error(with("\"datasheet: sheet 1\"", "\"" + source + "\"")),
        "toy.toml:4: 'source' is '" + source + "'; expected 'datasheet: WHICH', 'measured: BY WHOM', 'emulated: HOW' or 'assumed: WHY'");
  }
}

TEST(Platform, RefusesOtherKindsOfValues) {
  EXPECT_EQ(parse_error(with("{ value = 4, unit = \"MHz\", source = \"datasheet: sheet 1\" }", "4")),
            "toy.toml:4: 'frequency' is an integer; expected a table");
  EXPECT_EQ(parse_error(with("\"A toy\"", "1979-05-27")), "toy.toml:3: 'title' is a date; expected text in quotes");
  EXPECT_EQ(parse_error(with("title =", "boots_per_inference = 1\ntitle =")),
            "toy.toml:3: 'boots_per_inference' is an integer; expected true or false");
  EXPECT_EQ(parse_error(kGood + "kernel = 3\n"), "toy.toml:12: 'kernel' is an integer; expected a table");
  EXPECT_EQ(parse_error(with("format = 1", "format = 2")), "toy.toml:1: 'format' is 2; expected 1");
  EXPECT_EQ(parse_error(with("\"toy\"", "\"boy\"")),
            "toy.toml:2: 'name' is 'boy'; expected 'toy', the name of the file");
}

TEST(Platform, SaysWhereTomlIsBroken) {
  EXPECT_THAT(parse_error(with("title = ", "title ")), testing::StartsWith("toy.toml:3: "));
  EXPECT_THAT(parse_error(std::string(100000, '[')), testing::StartsWith("toy.toml:1: "));
  EXPECT_THAT(parse_error("x = " + std::string(100000, '[')), testing::StartsWith("toy.toml:1: "));
}

TEST(Platform, EveryPrefixOfWholeLinesAndEveryDamageIsAnErrorOrReads) {
  const std::string whole = good();
  for (std::size_t size = 0; size + 20 < whole.size(); ++size)
    EXPECT_NE(parse_error(whole.substr(0, size)), "") << size;
  const std::uint64_t seed = 5;
  SCOPED_TRACE(seed);
  RandomStream random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = whole;
    for (std::uint64_t hits = 1 + random.below(4); hits > 0; --hits) {
      damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    }
    parse_error(damaged);  // anything but Error ends the test
  }
}

TEST(FindPlatform, ReadsByNameAndByPath) {
  const std::filesystem::path dir =
      std::filesystem::path(testing::TempDir()) / ("mj_platforms_" + std::to_string(getpid()));
  std::filesystem::create_directories(dir);
  std::ofstream(dir / "toy.toml") << good();
  std::ofstream(dir / "README.md") << "not a platform";
  setenv("MJ_PLATFORMS", dir.c_str(), 1);
  EXPECT_EQ(platform_names(), std::vector<std::string>{"toy"});
  EXPECT_EQ(find_platform("toy").title, "A toy");
  EXPECT_EQ(error_of([] { find_platform("tos"); }),
            "unknown platform 'tos' (did you mean toy?); known: toy; or the path of a .toml");
  EXPECT_EQ(error_of([] { find_platform("../toy"); }), "unknown platform '../toy'; known: toy; or the path of a .toml");
  std::filesystem::rename(dir / "toy.toml", dir / "boy.toml");
  EXPECT_EQ(error_of([] { find_platform("boy"); }),
            (dir / "boy.toml").string() + ":2: 'name' is 'toy'; expected 'boy', the name of the file");
  std::filesystem::remove_all(dir);
  EXPECT_EQ(error_of([] { find_platform("toy"); }),
            dir.string() + ": platform folder: No such file or directory; MJ_PLATFORMS names another");
  unsetenv("MJ_PLATFORMS");
  EXPECT_THAT(platform_names(), testing::Contains("msp430fr5994"));
  EXPECT_EQ(find_platform(std::string(MJ_SOURCE_DIR) + "/platforms/msp430fr5994.toml").name, "msp430fr5994");
}

TEST(FindPlatform, EveryInstalledDescriptionReads) {
  for (const std::string& name : platform_names()) {
    const Platform platform = find_platform(name);
    EXPECT_EQ(platform.name, name);
    if (platform.accelerator) {
      EXPECT_GT(platform.accelerator->energy_j.per_term[3], 0) << name;
      continue;
    }
    EXPECT_GT(platform.kernels[static_cast<std::size_t>(Kernel::kConv)].per_mac, 0);
    EXPECT_GT(platform.kernels[static_cast<std::size_t>(Kernel::kConv)].code_bytes, 0);
  }
}

TEST(FindPlatform, Msp430fr5994HasTheDatasheetsNumbers) {
  const Platform msp = find_platform("msp430fr5994");
  EXPECT_DOUBLE_EQ(msp.energy_per_cycle_j.value, 354e-12);
  EXPECT_EQ(msp.frequency_hz.value, 8e6);
  EXPECT_EQ(msp.ram_bytes.value, 8192);
  EXPECT_EQ(msp.nvm_bytes.value, 262144);
  EXPECT_FALSE(msp.boots_per_inference);
}

TEST(Describe, PrintsEveryNumberWithItsSource) {
  const std::string text = describe(parse_platform(good(), "toy", ""));
  EXPECT_EQ(text.substr(0, text.find("\n\nkernel")),
            "toy: A toy\n"
            "stays on between inferences\n"
            "\n"
            "number              value  unit  source\n"
            "----------------  -------  ----  -----------------------\n"
            "frequency               4   MHz  datasheet: sheet 1\n"
            "voltage               2.5     V  assumed: as measured\n"
            "energy per cycle      250    pJ  measured: us, from FRAM\n"
            "boot energy           0.5    uJ  datasheet: sheet 2\n"
            "RAM                 8,192     B  datasheet: sheet 3\n"
            "NVM               256,000     B  datasheet: sheet 3\n"
            "reserved NVM          100     B  assumed: start-up code\n"
            "stack                   0     B  assumed: none");
  EXPECT_THAT(text,
              testing::HasSubstr("kernel          cycles/call  /MAC  /output  /weight byte  /symbol  /gathered  /run  /window  code B  B/call  source\n"));
  EXPECT_THAT(text, testing::HasSubstr(
                        "linear                   31  32.5       33            34        0          0     0        0      35      36  assumed: linear\n"));
}

}  // namespace
}  // namespace mj
