// SPDX-License-Identifier: Apache-2.0
#include "mj/harvest/energy_store.h"

#include "mj/harvest/capacitor.h"
#include "samples.h"

namespace mj {
namespace {

/// Seconds until the terminals of a stage reach a voltage, from another inside the capacitor.
double time_between(const PowerStage& stage, double power_w, double load_w, double from_v, double to_v) {
  EnergyStore store(stage, stage.energy_at(from_v));
  const auto input = stage.input(power_w);
  store.set_input(input);
  const auto stop = to_v > from_v ? EnergyStore::Stop::kRising : EnergyStore::Stop::kFalling;
  const auto step = store.advance(1e6, load_w, stop, stage.threshold_j(to_v, input, load_w));
  EXPECT_TRUE(step.reached);
  return step.elapsed_s;
}

TEST(EnergyStore, ChargesALeakyCapacitorAsTheClosedForm) {
  // C dE/dt: E' = P - 2 E / (R C), so E(t) = P R C / 2 (1 - exp(-2 t / R C)).
  const double c = 100e-6, r = 20e3, p = 1e-3, v = 3.0;
  const PowerStage stage(plain_harvester(), plain_capacitor(c, r), {}, TraceKind::kPower, 3);
  const double expected = -r * c / 2 * std::log(1 - 0.5 * c * v * v / (p * r * c / 2));
  EXPECT_NEAR(time_between(stage, p, 0, 0, v), expected, 1e-9 * expected);
}

TEST(EnergyStore, DischargesALeakyCapacitorAsTheClosedForm) {
  const double c = 47e-6, r = 15e3, load = 2.8e-3, from = 3.0, to = 2.0;
  const PowerStage stage(plain_harvester(), plain_capacitor(c, r), {}, TraceKind::kPower, 3);
  const double steady = load * r * c / 2;
  const double expected = r * c / 2 * std::log((0.5 * c * from * from + steady) / (0.5 * c * to * to + steady));
  EXPECT_NEAR(time_between(stage, 0, load, from, to), expected, 1e-9 * expected);
}

TEST(EnergyStore, ChargesThroughASeriesResistanceAsTheClosedForm) {
  // p = i (v + i r) at the terminals: dt = C (sqrt(v^2 + 4 p r) + v) / (2 p) dv.
  const double c = 1e-3, r = 200, p = 5e-3;
  const PowerStage stage(plain_harvester(), plain_capacitor(c, INFINITY, r), {}, TraceKind::kPower, 3);
  const double k = 4 * p * r;
  const auto integral = [&](double v) {
    const double root = std::sqrt(v * v + k);
    return c / (2 * p) * (v * v / 2 + 0.5 * (v * root + k * std::asinh(v / std::sqrt(k))));
  };
  // The supervisor sees the terminals: inside, the voltage is lower by i r.
  const double inside = 3.0 - p / 3.0 * r;
  const double expected = integral(inside) - integral(0);
  EXPECT_NEAR(time_between(stage, p, 0, 0, 3.0), expected, 1e-3 * expected);
}

TEST(EnergyStore, DischargesThroughASeriesResistanceAsTheClosedForm) {
  const double c = 1e-3, r = 100, p = 5e-3;
  const PowerStage stage(plain_harvester(), plain_capacitor(c, INFINITY, r), {}, TraceKind::kPower, 3);
  const double k = 4 * p * r;
  const auto integral = [&](double v) {
    const double root = std::sqrt(v * v - k);
    return c / (2 * p) * (v * v / 2 + 0.5 * (v * root - k * std::log(v + root)));
  };
  const double inside = 2.0 + p / 2.0 * r;
  const double expected = integral(3.0) - integral(inside);
  EXPECT_NEAR(time_between(stage, 0, p, 3.0, 2.0), expected, 1e-3 * expected);
}

TEST(EnergyStore, ChargesFromASourceWithAResistanceThroughADiode) {
  // Volts behind ohms charge a capacitor: v(t) = (V - d) (1 - exp(-t / R C)).
  Harvester h = find_harvester("diode");
  h.quiescent_current_a.value = 0;
  const double c = 10e-6, r = 30e3, source = 3.2, to = 2.4;
  const PowerStage stage(h, plain_capacitor(c), {.resistance_ohm = r, .voltage_v = 0}, TraceKind::kVoltage, 3);
  const double expected = -r * c * std::log(1 - to / (source - h.diode_drop_v.value));
  EXPECT_NEAR(time_between(stage, source, 0, 0, to), expected, 1e-3 * expected);
}

TEST(EnergyStore, AgreesWithSmallStepsOnEveryStage) {
  // The model of the bands against Euler steps of the exact flows.
  for (const std::string& name : harvester_names()) {
    const Harvester h = find_harvester(name);
    const PowerStage stage(h, plain_capacitor(100e-6, 1e6, 2), {.resistance_ohm = 10e3, .voltage_v = 3}, TraceKind::kVoltage, 3);
    for (double volts : {2.0, 6.0}) {
      const auto input = stage.input(volts);
      EnergyStore store(stage, stage.energy_at(0.5));
      store.set_input(input);
      double energy = stage.energy_at(0.5), time = 0;
      const double step = 2e-4;
      for (int i = 0; i < 20000; ++i, time += step) {
        const double v = stage.volts_at(energy);
        const bool cold = h.charging == Charging::kBoost && v < h.cold_start_voltage_v.value;
        energy = std::min(stage.full_j(), energy + step * stage.rates_at(stage.charge_at(input, v, cold), v, 1e-6).net());
      }
      store.advance(time, 1e-6, EnergyStore::Stop::kNever, 0);
      EXPECT_NEAR(store.energy_j(), energy, 2e-3 * energy) << name << " from " << volts << " V";
    }
  }
}

TEST(EnergyStore, BalancesOnRandomInputs) {
  for (const std::string& name : harvester_names()) {
    const Capacitor capacitor = make_capacitor(find_capacitor_family("tantalum"), 47e-6);
    const PowerStage stage(find_harvester(name), capacitor, {.resistance_ohm = 0, .voltage_v = 3}, TraceKind::kCurrent, 3);
    EnergyStore store(stage, 0);
    double load = 0;
    for (std::uint64_t i = 0; i < 20000; ++i) {
      RandomStream random(11, i);
      store.set_input(stage.input(random.uniform() < 0.3 ? 0 : std::pow(10, -7 + 6 * random.uniform())));
      const double seconds = std::pow(10, -5 + 7 * random.uniform());
      // A load only where the device could be on.
      const bool on = store.volts() > 2.2;
      const auto stop = on ? EnergyStore::Stop::kFalling : EnergyStore::Stop::kNever;
      load += store.advance(seconds, on ? 3e-3 * random.uniform() : 0, stop, stage.energy_at(2.2)).load_j;
    }
    const double in = store.harvested();
    const double out = store.converter() + store.quiescent() + store.leakage() + store.resistance() + store.wasted_full() + load + store.energy_j();
    EXPECT_GT(in, 0);
    EXPECT_NEAR(out, in, 1e-12 * in) << name;
  }
}

TEST(EnergyStore, StaysWhereColdStartEndsAndTheConverterCannotHold) {
  // 20 uW start the converter, but its own control takes 40 uW once it runs: it hangs at the threshold.
  Harvester h = find_harvester("nano");
  h.minimum_power_w.value = 40e-6;
  h.quiescent_current_a.value = 1e-9;
  const PowerStage stage(h, plain_capacitor(10e-6, 1e9), {}, TraceKind::kPower, 3);
  EnergyStore store(stage, 0);
  store.set_input(stage.input(20e-6));
  store.advance(1000, 0, EnergyStore::Stop::kNever, 0);
  EXPECT_NEAR(store.volts(), h.cold_start_voltage_v.value, 1e-6);
  const double out = store.converter() + store.quiescent() + store.leakage() + store.resistance() + store.energy_j();
  EXPECT_NEAR(out, store.harvested(), 1e-12 * store.harvested());
}

TEST(Harvester, DescribesItsMistakes) {
  const std::string good = read_text(std::filesystem::path(MJ_SOURCE_DIR) / "harvesters" / "nano.toml");
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return error_of([&] { parse_harvester(text, "nano", "nano.toml"); });
  };
  EXPECT_EQ(with("value = 3.0, unit = \"V\"", "value = 2.0, unit = \"V\""), "nano.toml: the device turns off at 2.10 V and on at 2.00 V; expected it to turn off below");
  EXPECT_EQ(with("value = 3.6, unit = \"V\"", "value = 2.9, unit = \"V\""), "nano.toml: the device turns on at 3.00 V, the capacitor is full at 2.90 V; expected to turn on at or below");
  EXPECT_EQ(with("value = 20, unit = \"us\"", "value = 20, unit = \"V\""), "nano.toml:20: '20 V': unknown unit 'V' for a time; expected one of s, ms, us, ns, min, h, d");
  EXPECT_EQ(with("charging = \"boost\"", "charging = \"buck\""), "nano.toml:6: 'charging' is 'buck'; expected 'boost' or 'direct'");
  EXPECT_EQ(with("0.50, 0.48, 0.42,", "0.50, 0.48,"), "nano.toml:28: 'share' holds 14 numbers; expected 15, one row of 3 voltages for each of 5 powers");
  EXPECT_EQ(with("0.50, 0.48, 0.42,", "0.50, 1.48, 0.42,"), "nano.toml:28: 'share' holds 1.48; expected 0 to 1");
  EXPECT_EQ(error_of([] { find_harvester("nanoo"); }), "unknown name 'nanoo' among the harvesters (did you mean nano?); known: bq25570, diode, ideal, nano; or the path of a .toml");
  EXPECT_EQ(error_of([] { family_for(1e-9); }), "no kind of capacitor is sold with 1.00 nF; expected 100 nF to 100 F");
  EXPECT_EQ(error_of([] { PowerStage(find_harvester("nano"), plain_capacitor(1e-6), {}, TraceKind::kVoltage, 3); }),
            "a trace of voltages needs the resistance of its source; give --source-resistance, e.g. 30kohm");
  EXPECT_EQ(error_of([] { PowerStage(find_harvester("nano"), plain_capacitor(1e-6), {}, TraceKind::kCurrent, 3); }),
            "a trace of currents needs the voltage at which the source delivers them to nano; give --source-voltage, e.g. 3V");
}

}  // namespace
}  // namespace mj
