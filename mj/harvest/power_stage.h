// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "mj/harvest/capacitor.h"
#include "mj/harvest/harvester.h"

namespace mj {

/// Power in watts at one capacitor voltage: what the source gives and where it goes. The rest charges the capacitor.
struct Rates {
  double source = 0;
  double converter = 0;
  double quiescent = 0;
  double leakage = 0;
  double resistance = 0;
  double load = 0;  ///< at the device

  double net() const { return source - converter - quiescent - leakage - resistance - load; }
};

/// The share a + (b - a) * at of two rates.
Rates between(const Rates& a, const Rates& b, double at);

/// What charges at one voltage.
struct Charge {
  double source_w = 0;   ///< taken from the source
  double charging_w = 0; ///< arriving at the capacitor's terminals
};

/// What the device draws: watts at its supply, or, without a converter, at the voltage its energies were measured at.
using LoadPower = double;

/// Harvester and capacitor as one electrical model: power flows as functions of the stored energy.
///
/// Voltages are those inside the ideal capacitor; what the terminals see differs by the drop over the series resistance. The
/// range up to full is cut into bands. Inside a band every flow is linear in the stored energy between its exact values at the
/// band's edges, so that stored energy and every integral have closed forms (see EnergyStore). Constant power and a
/// leakage resistance are linear in it anyway: for these the solution is exact. In the lowest band, where a current
/// gives an empty capacitor no power at first, the flows are those that let a constant current through in its true time.
class PowerStage {
 public:
  /// `nominal_v` is the voltage at which the device's energies hold; used only without an output converter.
  PowerStage(const Harvester& harvester, const Capacitor& capacitor, const SourceModel& source, TraceKind kind, double nominal_v);

  struct Edge {
    double volts = 0;
    double energy_j = 0;
    double flow_volts = 0;           ///< where the flows at this edge are taken
    std::vector<double> efficiency;  ///< at this voltage, one per power of the table
  };
  /// Between edges `band` and `band + 1`.
  std::size_t bands() const { return edges_.size() - 1; }
  const Edge& edge(std::size_t index) const { return edges_[index]; }
  bool cold(std::size_t band) const { return band < cold_bands_; }
  std::size_t band_of(double energy_j) const;

  /// A sample of the trace, with what does not depend on the voltage worked out once.
  struct Input {
    double value = 0;   ///< as in the trace
    double power_w = 0;  ///< of a boost converter
    std::size_t row = 0;
    double at = 0;  ///< place between the rows of the efficiency table
  };
  Input input(double trace_value) const;

  /// At edge `index` as seen from the band; the cold start may end there.
  Charge charge(const Input& input, std::size_t index, bool cold) const;
  /// The same at any voltage.
  Charge charge_at(const Input& input, double volts, bool cold) const;
  Rates rates(const Charge& charge, std::size_t index, LoadPower load) const { return rates_at(charge, edges_[index].flow_volts, load); }
  Rates rates_at(const Charge& charge, double volts, LoadPower load) const;

  double energy_at(double volts) const { return 0.5 * capacitor_.capacitance_f * volts * volts; }
  double volts_at(double energy_j) const;
  double full_j() const { return edges_.back().energy_j; }

  /// Stored energy at which the terminals reach the threshold when this input charges and this load draws.
  double threshold_j(double threshold_v, const Input& input, LoadPower load) const;
  /// Power at the capacitor for a load at the device; without a converter at the voltage given.
  double drawn_w(LoadPower load, double volts) const;
  /// No less than this arrives at the terminals while the voltage is between turn-off and full.
  double least_charging_w(const Input& input) const;
  /// No more than this arrives at the terminals while the voltage is between turn-off and full.
  double most_charging_w(const Input& input) const;
  /// No more than this is lost per second between turn-off and full, with loads of up to `load`.
  double most_lost_w(LoadPower load) const;

  const Harvester& harvester() const { return harvester_; }
  const Capacitor& capacitor() const { return capacitor_; }

 private:
  double efficiency_at(const Input& input, const std::vector<double>& column) const;
  std::vector<double> column_at(double volts) const;

  Harvester harvester_;
  Capacitor capacitor_;
  SourceModel source_;
  TraceKind kind_;
  double nominal_v_;
  std::vector<Edge> edges_;
  std::size_t cold_bands_ = 0;
  std::vector<double> least_efficiency_;  ///< over voltages from turn-off to full, per power of the table
  std::vector<double> most_efficiency_;
};

}  // namespace mj
