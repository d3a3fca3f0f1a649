// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/calibrate_job.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "mj/arch/architecture.h"
#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/io/onnx.h"
#include "mj/pass/lower.h"

namespace mj {
namespace {

namespace fs = std::filesystem;

MeasuredFit fit_measured(const std::vector<Workload>& workloads, std::vector<double> measured) {
  MeasuredFit fit{fit_roofline(workloads, measured), std::move(measured), {}, {}, 0, 0};
  fit.left_out = leave_one_out(workloads, fit.measured);
  for (std::size_t i = 0; i < workloads.size(); ++i) {
    fit.fitted.push_back(fit.sum(workloads[i]));
    const double error = std::abs(fit.left_out[i] / fit.measured[i] - 1);
    fit.mean_error += error / static_cast<double>(workloads.size());
    fit.largest_error = std::max(fit.largest_error, error);
  }
  return fit;
}

}  // namespace

AcceleratorFit fit_accelerator(const fs::path& measurements, const Shape& input, std::int64_t classes) {
  AcceleratorFit fit;
  fit.models = read_measurements(measurements);
  std::vector<Workload> workloads;
  std::vector<double> energy, time;
  for (const Measurement& m : fit.models) {
    const fs::path file = measurements.parent_path() / m.model;
    const auto network = [&] {
      if (fs::is_regular_file(file)) return read_model(file.string());
      return build(parse_architecture(m.model), m.input.empty() ? input : m.input, m.classes > 0 ? m.classes : classes, 0);
    };
    workloads.push_back(with_context(measurements.string(), [&] { return workload_of(simplify(network())); }));
    energy.push_back(m.energy.value);
    time.push_back(m.time.value);
  }
  fit.energy = fit_measured(workloads, std::move(energy));
  fit.time = fit_measured(workloads, std::move(time));
  return fit;
}

Platform accelerator_platform(const AcceleratorFit& fit, const AcceleratorFacts& facts) {
  const auto source = [&](const MeasuredFit& of) {
    return Source{Source::Kind::kMeasured, fmt::format("{}; fitted to {} models, mean error of a model left out {:.2f} %", facts.source,
                                                       fit.models.size(), 100 * of.mean_error)};
  };
  const auto per_inference = [&](Roofline sum) {
    for (double& term : sum.per_term) term /= facts.runs;
    return sum;
  };
  const Source given{Source::Kind::kAssumed, "given to millijoule platform calibrate"};
  Platform platform;
  platform.name = platform.title = facts.name;
  platform.ram_bytes = {static_cast<double>(facts.ram), given};
  platform.nvm_bytes = {static_cast<double>(facts.nvm), given};
  platform.accelerator = Accelerator{per_inference(fit.energy.sum), per_inference(fit.time.sum), source(fit.energy), source(fit.time)};
  return platform;
}

std::string with_twin_lines(const TwinCalibration& found, const std::string& base, const std::string& name) {
  const Platform platform = find_platform(base);
  std::map<Kernel, CostLine> lines;
  for (const auto& [kernel, fit] : found.fits) {
    const CostLine& old = platform.kernels[static_cast<std::size_t>(kernel)];
    CostLine line = fit.line;
    line.code_bytes = old.code_bytes, line.bytes_per_call = old.bytes_per_call;
    if (found.unit == "instructions") line.source.text += "; an instruction is taken for a cycle";
    lines.emplace(kernel, std::move(line));
  }
  return with_cost_lines(read_text(platform_file(base)), name, lines);
}

}  // namespace mj
