// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/powercut/powercut.h"

#include <chrono>

#include "mj/base/error.h"
#include "mj/base/parallel.h"
#include "mj/twin/powercut/cut_test.h"

namespace mj {
namespace {

/// What the memory really wrote, by what it was for.
void count_bytes(const CutTest& test, PowercutResult& result) {
  const FirmwareFolder& folder = test.folder();
  const Bytes word = folder.nvm == "words" ? folder.word_bytes : 1;
  const std::int64_t commit_writes = folder.nvm == "fram" ? 1 : folder.commit_bytes / word;
  for (std::int64_t i = 1; i < test.whole().calls(); ++i) {
    const Bytes bytes = (test.whole().first().writes[static_cast<std::size_t>(i)] - commit_writes) * word;
    Bytes* sum = CutTest::call_at(test.whole(), i) == Call::kNext ? &result.result_bytes : &result.activation_bytes;
    if (CutTest::call_at(test.whole(), i) == Call::kStep) {
      const FirmwareUnit& unit = folder.units[static_cast<std::size_t>(i - 2)];
      if (unit.op == "delivery" || unit.op == "exit") sum = &result.result_bytes;
      if (unit.writes.at(0).place == TouchedBytes::Place::kPartial) sum = &result.partial_bytes;
    }
    *sum += bytes;
  }
  result.commit_bytes = (test.units() + 2) * folder.commit_bytes;
  result.continuous_bytes = folder.activation_bytes;
}

}  // namespace

PowercutResult cut_power(const FirmwareFolder& folder, const PowercutOptions& options, Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  CutTest test(folder, options, progress);
  PowercutResult result;
  result.units = test.units();
  result.exits = static_cast<std::int64_t>(folder.decisions.size());
  result.writes = test.writes();
  count_bytes(test, result);
  isolate_units(test, result);
  if (options.single) cut_at_every_write(test, result);
  if (options.doubles) cut_in_pairs(test, *options.doubles, result);
  if (options.random > 0) cut_in_chains(test, options.random, result);
  for (int i = 0; i < threads(); ++i) {
    const std::int64_t strays = test.machine(i).strays;
    if (strays > 0) test.diverged([&] { return fmt::format("{} stores outside of the non-volatile memory", strays); });
  }
  result.divergences = test.divergences();
  result.first_divergence = test.first_divergence();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace mj
