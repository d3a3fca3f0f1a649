// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/powercut/powercut.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/cli/command.h"
#include "mj/twin/powercut/program.h"
#include "mj/twin/powercut/twin_cuts.h"

namespace mj::cli {
namespace {

void print_result(const FirmwareFolder& folder, const PowercutResult& result) {
  const auto row = [](const char* what, const std::string& value) { fmt::print("  {:<34} {}\n", what, value); };
  fmt::print("{} (build {}), {} memory: {} units, {} writes per inference\n\n", folder.name, folder.build_id, folder.nvm,
             thousands(result.units), thousands(result.writes));
  if (result.exits > 0) row("exits, each stopped at and passed", thousands(result.exits));
  row("units by themselves", thousands(result.isolated_units));
  if (result.single_cuts > 0) {
    row("single cuts", thousands(result.single_cuts));
    row("cuts while recovering", thousands(result.recovery_cuts));
    row("restarts run to the end", thousands(result.restarts_run_to_the_end));
  }
  if (result.double_cuts > 0) row("double cuts", thousands(result.double_cuts));
  if (result.random_chains > 0) {
    row("random chains", fmt::format("{}, {} cuts", thousands(result.random_chains), thousands(result.random_cuts)));
  }
  row("divergences", thousands(result.divergences));
  fmt::print("\n");
  row("activations written", bytes_text(result.activation_bytes));
  row("by continuous execution", bytes_text(result.continuous_bytes));
  row("write amplification", fmt::format("{:.4f}", result.write_amplification()));
  row("partial sums, commits, delivery", fmt::format("{}, {}, {}", bytes_text(result.partial_bytes), bytes_text(result.commit_bytes),
                                                     bytes_text(result.result_bytes)));
  row("arena, least possible", fmt::format("{}, {}", bytes_text(folder.arena_bytes), bytes_text(folder.arena_lower_bound_bytes)));
  row("time", to_text(Seconds{result.seconds}));
  if (result.divergences > 0) fmt::print("\nfirst divergence: {}\n", result.first_divergence);
}

void print_result(const FirmwareFolder& folder, const TwinCutResult& result) {
  const auto row = [](const char* what, const std::string& value) { fmt::print("  {:<34} {}\n", what, value); };
  fmt::print("{} (build {}) on {}: {} units, {} instructions per inference\n\n", folder.name, folder.build_id, result.title,
             thousands(result.units), thousands(result.instructions));
  if (result.single_cuts > 0) {
    row("units cut", thousands(result.cut_units));
    row("single cuts", thousands(result.single_cuts));
    if (result.restarts < result.single_cuts) row("with different memory, restarted", thousands(result.restarts));
    row("restarts run to the end", thousands(result.restarts_run_to_the_end));
  }
  if (result.random_chains > 0) {
    row("random chains", fmt::format("{}, {} cuts", thousands(result.random_chains), thousands(result.random_cuts)));
  }
  row("divergences", thousands(result.divergences));
  row("time", to_text(Seconds{result.seconds}));
  if (result.divergences > 0) fmt::print("\nfirst divergence: {}\n", result.first_divergence);
}

struct PowercutArguments {
  CommonOptions common;
  std::string directory;
  std::string on = "host";
  std::string machine;
  bool single = false;
  std::string doubles;
  bool all = false;
  std::int64_t every = 0;
  std::int64_t random = 0;
  std::string bug;
};

[[noreturn]] void fail_diverged(const PowercutArguments& options, std::int64_t divergences, const std::string& first) {
  fail("{}: {} of the runs diverged; first: {}", options.directory, thousands(divergences), first);
}

void cut_on_twin(const PowercutArguments& options) {
  TwinCutOptions cuts{.machine = options.machine, .every = options.all ? 1 : options.every, .random = options.random,
                      .seed_bug = options.bug, .seed = options.common.seed};
  cuts.units = options.single || (cuts.every == 0 && cuts.random == 0);
  const FirmwareFolder folder = read_firmware(options.directory);
  TerminalProgress progress;
  const TwinCutResult result = cut_power_on_twin(folder, cuts, progress);
  if (!json_on_stdout(options.common)) print_result(folder, result);
  write_json(options.common, {{"schema", 1},
                              {"name", folder.name},
                              {"build_id", folder.build_id},
                              {"nvm", folder.nvm},
                              {"seed_bug", options.bug},
                              {"machine", result.machine},
                              {"units", result.units},
                              {"instructions", result.instructions},
                              {"cut_units", result.cut_units},
                              {"single_cuts", result.single_cuts},
                              {"restarts", result.restarts},
                              {"restarts_run_to_the_end", result.restarts_run_to_the_end},
                              {"random_chains", result.random_chains},
                              {"random_cuts", result.random_cuts},
                              {"divergences", result.divergences},
                              {"first_divergence", result.first_divergence},
                              {"seconds", result.seconds}});
  if (result.divergences > 0) fail_diverged(options, result.divergences, result.first_divergence);
}

}  // namespace

void add_powercut(CLI::App& app) {
  auto options = std::make_shared<PowercutArguments>();
  CLI::App& command = add_command(app, options->common, "powercut", "cut the power of emitted firmware at every write to non-volatile memory, or between instructions",
                                  "millijoule powercut firmware --single --random 10000\n"
                                  "  millijoule powercut firmware --on twin --every 100", true);
  command.add_option("DIR", options->directory, "folder that 'emit --intermittent' wrote")->required()->type_name("");
  command.add_option("--on", options->on, "where the firmware runs: host, or twin, an emulated device")->type_name("PLACE")->check(CLI::IsMember({"host", "twin"}));
  command.add_option("--machine", options->machine, "with --on twin: m4 or msp430fr5994; without it that of the folder")->type_name("NAME");
  command.add_flag("--single", options->single, "what is done when nothing is asked for: on the host every cut before, inside and after every write;\n"
                                                "on the twin every instruction boundary of one unit of every kernel call");
  command.add_option("--double", options->doubles, "on the host: N pairs of cuts, or 'all' of a small network")->type_name("N|all");
  command.add_option("--every", options->every, "on the twin: cuts after every N instructions of a whole inference")->type_name("N")->check(CLI::PositiveNumber);
  command.add_flag("--all", options->all, "on the twin: cuts at every instruction boundary of a whole inference");
  command.add_option("--random", options->random, "N inferences with a random chain of cuts each")->type_name("N")->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40));
  command.add_option("--seed-bug", options->bug, "plant a fault that must be found: " + fmt::format("{}", fmt::join(seed_bug_names(), ", ")))
      ->type_name("NAME")
      ->check(CLI::IsMember(seed_bug_names()));
  command.callback([options] {
    const bool twin = options->on == "twin";
    if (twin && !options->doubles.empty()) throw CLI::ValidationError("--double", "is for --on host");
    if (!twin && (options->all || options->every > 0)) throw CLI::ValidationError(options->all ? "--all" : "--every", "is for --on twin");
    if (!twin && !options->machine.empty()) throw CLI::ValidationError("--machine", "is for --on twin");
    if (twin) return cut_on_twin(*options);
    PowercutOptions powercut{.random = options->random, .seed_bug = options->bug, .seed = options->common.seed};
    if (!options->doubles.empty()) {
      const auto n = options->doubles == "all" ? std::optional<std::int64_t>(0) : parse_integer(options->doubles);
      if (!n || (*n <= 0 && options->doubles != "all")) {
        throw CLI::ValidationError("--double", "'" + options->doubles + "' is neither a number above 0 nor 'all'");
      }
      powercut.doubles = n;
    }
    powercut.single = options->single || (!powercut.doubles && powercut.random == 0);
    const FirmwareFolder folder = read_firmware(options->directory);
    TerminalProgress progress;
    const PowercutResult result = cut_power(folder, powercut, progress);
    if (!json_on_stdout(options->common)) print_result(folder, result);
    write_json(options->common, {{"schema", 1},
                                 {"name", folder.name},
                                 {"build_id", folder.build_id},
                                 {"nvm", folder.nvm},
                                 {"seed_bug", options->bug},
                                 {"units", result.units},
                                 {"exits", result.exits},
                                 {"writes", result.writes},
                                 {"isolated_units", result.isolated_units},
                                 {"single_cuts", result.single_cuts},
                                 {"recovery_cuts", result.recovery_cuts},
                                 {"double_cuts", result.double_cuts},
                                 {"random_chains", result.random_chains},
                                 {"random_cuts", result.random_cuts},
                                 {"divergences", result.divergences},
                                 {"first_divergence", result.first_divergence},
                                 {"write_amplification", result.write_amplification()},
                                 {"activation_bytes", result.activation_bytes},
                                 {"continuous_bytes", result.continuous_bytes},
                                 {"partial_bytes", result.partial_bytes},
                                 {"commit_bytes", result.commit_bytes},
                                 {"result_bytes", result.result_bytes},
                                 {"arena_bytes", folder.arena_bytes},
                                 {"arena_lower_bound_bytes", folder.arena_lower_bound_bytes},
                                 {"seconds", result.seconds}});
    if (result.divergences > 0) fail_diverged(*options, result.divergences, result.first_divergence);
  });
}

}  // namespace mj::cli
