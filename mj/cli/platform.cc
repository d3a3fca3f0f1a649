// SPDX-License-Identifier: Apache-2.0
#include "mj/platform/platform.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "mj/cli/command.h"

namespace mj::cli {

void add_calibrate(CLI::App& group);

void add_platform(CLI::App& app) {
  CLI::App* group = app.add_subcommand("platform", "the devices energy and memory are known of");
  group->require_subcommand(1);

  auto list_options = std::make_shared<CommonOptions>();
  CLI::App& list = add_command(*group, *list_options, "list", "names of the devices", "millijoule platform list", false);
  list.callback([list_options] {
    nlohmann::ordered_json names = nlohmann::ordered_json::array();
    for (const std::string& name : platform_names()) {
      if (!json_on_stdout(*list_options)) fmt::print("{:<16}  {}\n", name, find_platform(name).title);
      names.push_back(name);
    }
    write_json(*list_options, {{"schema", 1}, {"platforms", names}});
  });

  struct ShowOptions {
    CommonOptions common;
    std::string name;
  };
  auto show_options = std::make_shared<ShowOptions>();
  CLI::App& show = add_command(*group, show_options->common, "show", "every number of a device, with its source",
                               "millijoule platform show msp430fr5994", false);
  show.add_option("NAME", show_options->name, "a name of 'platform list', or a description's file")->required()->type_name("");
  show.callback([show_options] {
    const Platform platform = find_platform(show_options->name);
    if (!json_on_stdout(show_options->common)) fmt::print("{}", describe(platform));
    nlohmann::ordered_json json = {{"schema", 1}, {"name", platform.name}};
    if (platform.accelerator) {
      for (std::size_t t = 0; t < Workload::kTerms; ++t) {
        json["energy_j"]["per"][Workload::kNames[t]] = platform.accelerator->energy_j.per_term[t];
        json["time_s"]["per"][Workload::kNames[t]] = platform.accelerator->time_s.per_term[t];
      }
    } else {
      json["frequency_hz"] = platform.frequency_hz.value;
      json["voltage_v"] = platform.voltage_v.value;
      json["energy_per_cycle_j"] = platform.energy_per_cycle_j.value;
    }
    json["ram_bytes"] = platform.ram_bytes.value;
    json["nvm_bytes"] = platform.nvm_bytes.value;
    write_json(show_options->common, json);
  });
  add_calibrate(*group);
}

}  // namespace mj::cli
