// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "mj/emit/machines.h"
#include "mj/twin/device_folder.h"
#include "mj/twin/elf.h"
#include "mj/twin/powercut/twin_cuts.h"

namespace mj {

/// Firmware linked for a device, and what is to be done to it.
struct CutJob {
  const FirmwareFolder& folder;
  const TwinCutOptions& options;
  const DeviceMachine& machine;
  DeviceFolder device;
  ElfProgram program;
  std::filesystem::path elf;
  std::vector<std::vector<std::byte>> inputs;  ///< the application may offer another one after a cut
};

/// One inference on a blank device falls into stretches, each from the beginning of one commit to that of the next: the
/// first power-on with the input, every unit, the delivery of the answer, and its end.
class Stretches {
 public:
  explicit Stretches(const FirmwareFolder& folder) : folder_(folder) {}

  std::int64_t count() const { return static_cast<std::int64_t>(folder_.units.size()) + 3; }
  std::string describe(std::int64_t stretch) const;
  /// The first unit of every kernel call, apart by how it begins and ends a sum; and what is no unit.
  std::vector<std::int64_t> one_of_every_kind() const;

 private:
  const FirmwareFolder& folder_;
};

/// Counts divergences from many threads, and keeps the first that was reported.
class Divergences {
 public:
  void report(std::string what) {
    if (count_++ > 0) return;
    const std::lock_guard lock(mutex_);
    first_ = std::move(what);
  }
  std::int64_t count() const { return count_; }
  const std::string& first() const { return first_; }

 private:
  std::atomic<std::int64_t> count_ = 0;
  std::mutex mutex_;
  std::string first_;
};

TwinCutResult cut_on_msp430_core(const CutJob& job, Progress& progress);
TwinCutResult cut_on_qemu(const CutJob& job, Progress& progress);

}  // namespace mj
