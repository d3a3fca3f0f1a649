// SPDX-License-Identifier: Apache-2.0
#include "mj/harvest/power_stage.h"

#include <algorithm>
#include <cmath>

#include "mj/base/error.h"

namespace mj {
namespace {

constexpr std::size_t kBands = 96;
/// A current charges with a power that grows as the voltage; between a r and r, linear in the energy, it takes -ln(a) / (1 - a)
/// times what r alone would. That is the true 2 for this a.
constexpr double kLowestFlow = 0.2032;

}  // namespace

Rates between(const Rates& a, const Rates& b, double at) {
  const auto mix = [at](double x, double y) { return x + (y - x) * at; };
  return {mix(a.source, b.source),   mix(a.converter, b.converter),   mix(a.quiescent, b.quiescent),
          mix(a.leakage, b.leakage), mix(a.resistance, b.resistance), mix(a.load, b.load)};
}

PowerStage::PowerStage(const Harvester& harvester, const Capacitor& capacitor, const SourceModel& source, TraceKind kind,
                       double nominal_v)
    : harvester_(harvester), capacitor_(capacitor), source_(source), kind_(kind), nominal_v_(nominal_v) {
  check_thresholds(harvester);
  check_source(harvester, kind, source);
  const double full = harvester.full_v.value;
  std::vector<double> volts;
  for (std::size_t i = 0; i <= kBands; ++i) volts.push_back(full * static_cast<double>(i) / kBands);
  // Where the characteristic bends or jumps there is an edge.
  const bool boost = harvester.charging == Charging::kBoost;
  const double cold = boost ? harvester.cold_start_voltage_v.value : 0;
  if (boost) volts.insert(volts.end(), harvester.efficiency.voltage_v.begin(), harvester.efficiency.voltage_v.end());
  volts.push_back(cold);
  std::sort(volts.begin(), volts.end());
  std::erase_if(volts, [&](double v) { return v < 0 || v > full; });
  const double least = full * 1e-6;
  volts.erase(std::unique(volts.begin(), volts.end(), [&](double a, double b) { return b - a < least; }), volts.end());
  for (double v : volts) edges_.push_back({v, energy_at(v), v, boost ? column_at(v) : std::vector<double>{}});
  edges_[0].flow_volts = kLowestFlow * edges_[1].volts;
  while (cold_bands_ < bands() && edges_[cold_bands_ + 1].volts <= cold + least) ++cold_bands_;
  if (boost) {
    const std::size_t rows = harvester.efficiency.input_power_w.size();
    least_efficiency_.assign(rows, 1);
    most_efficiency_.assign(rows, 0);
    const auto take_in = [&](const std::vector<double>& column) {
      for (std::size_t row = 0; row < rows; ++row) {
        least_efficiency_[row] = std::min(least_efficiency_[row], column[row]);
        most_efficiency_[row] = std::max(most_efficiency_[row], column[row]);
      }
    };
    take_in(column_at(harvester.turn_off_v.value));
    for (const Edge& edge : edges_) {
      if (edge.volts >= harvester.turn_off_v.value) take_in(edge.efficiency);
    }
  }
}

std::vector<double> PowerStage::column_at(double volts) const {
  const EfficiencyTable& table = harvester_.efficiency;
  const std::size_t columns = table.voltage_v.size();
  const auto above = std::upper_bound(table.voltage_v.begin(), table.voltage_v.end(), volts);
  const auto high = static_cast<std::size_t>(std::min<std::ptrdiff_t>(above - table.voltage_v.begin(), static_cast<std::ptrdiff_t>(columns) - 1));
  const std::size_t low = above == table.voltage_v.begin() ? 0 : static_cast<std::size_t>(above - table.voltage_v.begin()) - 1;
  const double span = table.voltage_v[high] - table.voltage_v[low];
  const double at = span > 0 ? (volts - table.voltage_v[low]) / span : 0;
  std::vector<double> column;
  for (std::size_t row = 0; row < table.input_power_w.size(); ++row) {
    const double a = table.share[row * columns + low], b = table.share[row * columns + high];
    column.push_back(a + (b - a) * at);
  }
  return column;
}

double PowerStage::efficiency_at(const Input& input, const std::vector<double>& column) const {
  const double a = column[input.row];
  return input.at == 0 ? a : a + (column[input.row + 1] - a) * input.at;
}

PowerStage::Input PowerStage::input(double trace_value) const {
  Input input{.value = trace_value};
  if (harvester_.charging == Charging::kDirect) {
    input.power_w = trace_value;
    return input;
  }
  switch (kind_) {
    case TraceKind::kVoltage: {
      // A source of voltage v behind R, loaded down to the share s of v, gives s (1 - s) v^2 / R.
      const double share = harvester_.operating_share.value;
      input.power_w = share * (1 - share) * trace_value * trace_value / source_.resistance_ohm;
      break;
    }
    case TraceKind::kPower: input.power_w = trace_value; break;
    case TraceKind::kCurrent: input.power_w = trace_value * source_.voltage_v; break;
  }
  const std::vector<double>& powers = harvester_.efficiency.input_power_w;
  const auto above = std::upper_bound(powers.begin(), powers.end(), input.power_w);
  if (above != powers.begin()) input.row = static_cast<std::size_t>(above - powers.begin()) - 1;
  if (above != powers.begin() && above != powers.end()) {
    input.at = std::log(input.power_w / powers[input.row]) / std::log(powers[input.row + 1] / powers[input.row]);
  }
  return input;
}

Charge PowerStage::charge(const Input& input, std::size_t index, bool cold) const {
  const Edge& edge = edges_[index];
  if (harvester_.charging == Charging::kDirect) return charge_at(input, edge.flow_volts, cold);
  if (input.power_w <= 0) return {};
  if (cold) {
    const bool starts = input.power_w >= harvester_.cold_start_power_w.value;
    return {input.power_w, starts ? input.power_w * harvester_.cold_start_efficiency.value : 0};
  }
  const bool runs = input.power_w >= harvester_.minimum_power_w.value;
  return {input.power_w, runs ? input.power_w * efficiency_at(input, edge.efficiency) : 0};
}

Charge PowerStage::charge_at(const Input& input, double volts, bool cold) const {
  if (input.value <= 0) return {};
  if (harvester_.charging == Charging::kDirect) {
    const double drop = harvester_.diode_drop_v.value;
    switch (kind_) {
      case TraceKind::kVoltage: {
        const double current = std::max(0.0, (input.value - drop - volts) / source_.resistance_ohm);
        return {current * (volts + drop), current * volts};
      }
      case TraceKind::kCurrent: return {input.value * (volts + drop), input.value * volts};
      case TraceKind::kPower: return {input.value, input.value * volts / (volts + drop)};
    }
  }
  if (cold) return charge(input, 0, true);
  const bool runs = input.power_w >= harvester_.minimum_power_w.value;
  return {input.power_w, runs ? input.power_w * efficiency_at(input, column_at(volts)) : 0};
}

double PowerStage::drawn_w(LoadPower load, double volts) const {
  return harvester_.regulated ? load / harvester_.output_efficiency.value : load * volts / nominal_v_;
}

Rates PowerStage::rates_at(const Charge& charge, double volts, LoadPower load) const {
  Rates rates;
  rates.source = charge.source_w;
  const double drawn = load > 0 ? drawn_w(load, volts) : 0;
  rates.load = harvester_.regulated ? load : drawn;
  rates.converter = charge.source_w - charge.charging_w + (drawn - rates.load);
  rates.quiescent = harvester_.quiescent_current_a.value * volts;
  rates.leakage = volts * volts / capacitor_.leakage_ohm;
  const double resistance = capacitor_.series_ohm;
  const double terminal = charge.charging_w - rates.quiescent - drawn;
  if (resistance > 0 && terminal != 0) {
    // Constant power p at the terminals: p = i (v + i r).
    const double root = std::sqrt(std::max(0.0, volts * volts + 4 * terminal * resistance));
    const double current = volts + root > 0 ? 2 * terminal / (volts + root) : 0;
    rates.resistance = current * current * resistance;
  }
  return rates;
}

double PowerStage::volts_at(double energy_j) const { return std::sqrt(2 * std::max(0.0, energy_j) / capacitor_.capacitance_f); }

std::size_t PowerStage::band_of(double energy_j) const {
  const auto above = std::upper_bound(edges_.begin(), edges_.end(), energy_j, [](double e, const Edge& edge) { return e < edge.energy_j; });
  const auto index = above == edges_.begin() ? 0 : above - edges_.begin() - 1;
  return std::min(static_cast<std::size_t>(index), bands() - 1);
}

double PowerStage::threshold_j(double threshold_v, const Input& input, LoadPower load) const {
  if (capacitor_.series_ohm == 0) return energy_at(threshold_v);
  const bool cold = harvester_.charging == Charging::kBoost && threshold_v < harvester_.cold_start_voltage_v.value;
  const double terminal = charge_at(input, threshold_v, cold).charging_w -
                          harvester_.quiescent_current_a.value * threshold_v - (load > 0 ? drawn_w(load, threshold_v) : 0);
  return energy_at(std::max(0.0, threshold_v - terminal / threshold_v * capacitor_.series_ohm));
}

double PowerStage::least_charging_w(const Input& input) const {
  if (harvester_.charging == Charging::kDirect) {
    // Concave in the voltage, so least at one end.
    return std::min(charge_at(input, harvester_.turn_off_v.value, false).charging_w, charge_at(input, harvester_.full_v.value, false).charging_w);
  }
  if (input.power_w <= 0 || input.power_w < harvester_.minimum_power_w.value) return 0;
  if (harvester_.turn_off_v.value < harvester_.cold_start_voltage_v.value) return 0;
  return input.power_w * efficiency_at(input, least_efficiency_);
}

double PowerStage::most_charging_w(const Input& input) const {
  if (harvester_.charging == Charging::kDirect) {
    const double low = harvester_.turn_off_v.value, high = harvester_.full_v.value;
    // (v - d - u) u is largest at u = (v - d) / 2.
    const double best = kind_ == TraceKind::kVoltage ? std::clamp((input.value - harvester_.diode_drop_v.value) / 2, low, high) : high;
    return charge_at(input, best, false).charging_w;
  }
  if (input.power_w <= 0 || input.power_w < harvester_.minimum_power_w.value) return 0;
  return input.power_w * efficiency_at(input, most_efficiency_);
}

double PowerStage::most_lost_w(LoadPower load) const {
  const double off = harvester_.turn_off_v.value, full = harvester_.full_v.value;
  const double drawn = drawn_w(load, full);
  const double current = drawn / off;
  return harvester_.quiescent_current_a.value * full + full * full / capacitor_.leakage_ohm + current * current * capacitor_.series_ohm;
}

}  // namespace mj
