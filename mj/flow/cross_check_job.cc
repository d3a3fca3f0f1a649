// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/cross_check_job.h"

#include <cmath>

#include "mj/base/error.h"

namespace mj {
namespace {

constexpr double kEnergyTolerance = 0.02;

double device_j(const EnergyBooks& books) { return books.useful + books.re_executed + books.unfinished + books.boot + books.sleep; }

}  // namespace

double CrossCheckRow::difference() const {
  if (simulated == emulated) return 0;
  return emulated == 0 ? HUGE_VAL : (simulated - emulated) / emulated;
}

std::vector<CrossCheckRow> CrossCheck::rows() const {
  const auto count = [](std::int64_t n) { return static_cast<double>(n); };
  return {{"answers", "", count(simulated.answers), count(emulated.answers)},
          {"boots", "", count(simulated.boots), count(emulated.boots)},
          {"power cuts", "", count(simulated.cuts), count(emulated.cuts)},
          {"time on", "s", simulated.on_s, emulated.on_s},
          {"harvested", "J", simulated.books.harvested, emulated.harvested_j},
          {"used by the device", "J", device_j(simulated.books), emulated.device_j},
          {"stored at the end", "J", simulated.books.stored_end, emulated.stored_end_j}};
}

bool CrossCheck::agrees() const {
  if (emulated.wrong_answers > 0 || simulated.answers != emulated.answers || simulated.boots != emulated.boots) return false;
  for (const CrossCheckRow& row : rows()) {
    // What is left in the capacitor is a small difference of large numbers.
    if (row.unit == "J" && row.name != "stored at the end" && std::fabs(row.difference()) > kEnergyTolerance) return false;
  }
  return true;
}

CrossCheck cross_check(const std::filesystem::path& directory, const WorkPlan& plan, const HarvestScene& scene, Progress& progress) {
  if (!(scene.options.duration_s > 0)) {
    fail("the emulated device executes every instruction; give the seconds to compare, e.g. --duration 20s");
  }
  const DeviceFolder folder = read_device_folder(directory);
  const auto trace = open_trace(scene.trace, scene.trace_options, scene.options.seed);
  const PowerStage stage(scene.harvester, scene.capacitor, scene.source, trace->kind(), plan.voltage_v);
  CrossCheck out;
  out.simulated = compare_policies(plan, scene, {"full"}, nullptr, silent_progress()).runs.at(0);
  out.emulated = run_harvested(folder, find_platform(plan.platform), stage, *trace,
                               {.period_s = scene.options.period_s,
                                .duration_s = scene.options.duration_s,
                                .start_v = scene.options.start_v,
                                .seed = scene.options.seed},
                               progress);
  return out;
}

}  // namespace mj
