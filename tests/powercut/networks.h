// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "mj/emit/emit.h"
#include "mj/platform/platform.h"
#include "mj/twin/powercut/powercut.h"

namespace mj {

/// A folder of this test's own, removed with it.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Whether all of these programs can be run.
bool installed(const std::vector<std::string>& programs);

/// What a restart says: MJ_RESUMED, MJ_OTHER_BUILD and MJ_CORRUPTED of mj_units.h.
constexpr int kResumed = 0, kOtherBuild = 1, kCorrupted = 2;

/// 1 nJ per cycle, one cycle per multiply-accumulate and per output, booting for free.
Platform toy_platform();

/// An int8 network with a residual block, a depthwise layer, pools, a concat and a linear layer whose sums are long;
/// small enough for all pairs of cuts.
Graph small_residual_network();

/// An int8 network that answers at two exits and at its end, by a head that keeps a state from exit to exit.
Graph small_exit_network();

/// Plans with this charge and writes the firmware; returns its folder as powercut reads it.
FirmwareFolder emit_intermittent(const Graph& graph, const std::filesystem::path& folder, const std::string& nvm, double charge_j,
                                 const std::string& target = "host");

}  // namespace mj
