// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "mj/platform/measurements.h"
#include "mj/platform/platform.h"
#include "mj/platform/roofline.h"
#include "mj/twin/calibration/calibrate.h"

namespace mj {

/// A roofline fitted to what was measured of every model, and how far off it is.
struct MeasuredFit {
  Roofline sum;
  std::vector<double> measured, fitted;
  std::vector<double> left_out;  ///< each model as predicted by a fit to the others
  double mean_error = 0, largest_error = 0;  ///< of `left_out`, relative
};

struct AcceleratorFit {
  std::vector<Measurement> models;
  MeasuredFit energy, time;  ///< J, s
};

/// Fits an accelerator to a table of measured models (`read_measurements`): model files lie beside the table, architectures without an
/// input or classes of their own have these. Throws `Error` naming the table.
AcceleratorFit fit_accelerator(const std::filesystem::path& measurements, const Shape& input, std::int64_t classes);

/// What the measurements do not say of an accelerator.
struct AcceleratorFacts {
  std::string name;
  std::string source;  ///< who measured it, and how
  double runs = 1;     ///< inferences that each measured energy and time stand for
  Bytes ram = 0, nvm = 0;
};
Platform accelerator_platform(const AcceleratorFit& fit, const AcceleratorFacts& facts);

/// The description of platform `base` under the name `name`, with the cost lines fitted to emulated runs; code sizes stay what they are.
std::string with_twin_lines(const TwinCalibration& found, const std::string& base, const std::string& name);

}  // namespace mj
