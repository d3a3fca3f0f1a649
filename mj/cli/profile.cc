// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "mj/base/text.h"
#include "mj/cli/command.h"
#include "mj/flow/deploy.h"
#include "mj/platform/platform.h"

namespace mj::cli {

void add_profile(CLI::App& app) {
  struct Options {
    CommonOptions common;
    ModelOptions model;
    std::string platform;
  };
  auto options = std::make_shared<Options>();
  CLI::App& command = add_command(app, options->common, "profile", "energy, latency and memory of every layer on a device",
                                  "millijoule profile student_int8.onnx --platform msp430fr5994", false);
  options->model.add(command);
  command.add_option("--platform", options->platform, "device: a name of 'platform list', or a description's file")->required()->type_name("NAME");
  command.callback([options] {
    const Platform platform = find_platform(options->platform);
    const Estimate total = estimate(deployed_form(options->model.read()), platform);
    std::vector<std::vector<std::string>> rows;
    nlohmann::ordered_json layers = nlohmann::ordered_json::array();
    for (const LayerEstimate& layer : total.layers) {
      const std::string name = layer.name.empty() ? layer.op : layer.name;
      rows.push_back({name, layer.op, thousands(layer.cost.macs), thousands(layer.cost.weight_bytes),
                      thousands(static_cast<std::int64_t>(layer.cycles)), to_text(layer.energy),
                      fmt::format("{:.1f} %", total.energy.value > 0 ? layer.energy / total.energy * 100 : 0)});
      layers.push_back({{"name", name},
                        {"op", layer.op},
                        {"macs", layer.cost.macs},
                        {"weight_bytes", layer.cost.weight_bytes},
                        {"cycles", layer.cycles},
                        {"energy_j", layer.energy.value}});
    }
    const bool fits = total.fits(platform);
    if (!json_on_stdout(options->common)) {
      fmt::print("{}", table_text(std::vector<std::string>{"layer", "op", "MACs", "weight bytes", "cycles", "energy", "share"}, rows));
      const std::vector<std::vector<std::string>> totals = {
          {"energy", to_text(total.energy), ""},
          {"latency", to_text(total.latency), ""},
          {"NVM", bytes_text(total.nvm_bytes), bytes_text(static_cast<Bytes>(platform.nvm_bytes.value))},
          {"RAM", bytes_text(total.ram_bytes), bytes_text(static_cast<Bytes>(platform.ram_bytes.value))}};
      fmt::print("\n{}\n{}\n", table_text(std::vector<std::string>{platform.title, "per inference", "device has"}, totals),
                 fits ? "fits" : "does not fit");
    }
    write_json(options->common, {{"schema", 1},
                                 {"platform", platform.name},
                                 {"energy_j", total.energy.value},
                                 {"latency_s", total.latency.value},
                                 {"cycles", total.cycles},
                                 {"nvm_bytes", total.nvm_bytes},
                                 {"ram_bytes", total.ram_bytes},
                                 {"fits", fits},
                                 {"layers", layers}});
  });
}

}  // namespace mj::cli
