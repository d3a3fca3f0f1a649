// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/cli/command.h"
#include "mj/flow/students_job.h"

namespace mj::cli {
namespace {

struct StudentsArguments {
  CommonOptions common;
  std::string architecture, platform, energy, nvm, ram;
  ModelOptions model;
  std::string device = "auto";
  StudentsJob job;
};

/// The smaller members of --arch, or of what the model says it is; of a model that says nothing, its reductions.
void name_students(const StudentsArguments& options, StudentsJob& job) {
  if (!options.architecture.empty()) {
    for (const Architecture& member : students_of(parse_architecture(options.architecture))) job.students.push_back(student_of(member));
    return;
  }
  job.network = options.model.read();
  job.students = students_of(*job.network, std::filesystem::path(options.model.path).stem().string());
}

Limits limits_of(const StudentsArguments& options, const Platform& platform) {
  return {parse_energy(options.energy),
          options.nvm.empty() ? static_cast<Bytes>(platform.nvm_bytes.value) : parse_bytes(options.nvm),
          options.ram.empty() ? static_cast<Bytes>(platform.ram_bytes.value) : parse_bytes(options.ram)};
}

void print_candidates(const std::vector<Candidate>& candidates, const Limits& limits, const Platform& platform) {
  // The table's columns are right-aligned; sentences read better from the left.
  std::size_t widest = 0;
  for (const Candidate& c : candidates) widest = std::max(widest, c.verdict.size());
  std::vector<std::vector<std::string>> rows;
  for (const Candidate& c : candidates) {
    rows.push_back({(c.chosen ? "* " : "  ") + c.student.name, thousands(c.parameters), thousands(c.macs), to_text(c.energy),
                    to_text(c.latency), bytes_text(c.nvm_bytes), bytes_text(c.ram_bytes),
                    c.probe_accuracy ? fmt::format("{:.2f} %", *c.probe_accuracy * 100) : "", fmt::format("  {:<{}}", c.verdict, widest)});
  }
  fmt::print("{}", table_text(std::vector<std::string>{"  student", "parameters", "MACs", "energy", "latency", "NVM", "RAM", "probe", fmt::format("  {:<{}}", "why", widest)}, rows));
  fmt::print("\non {}, within {} per inference, {} of NVM and {} of RAM\n", platform.title, to_text(limits.energy),
             bytes_text(limits.nvm), bytes_text(limits.ram));
}

nlohmann::ordered_json json_of(const Candidate& c) {
  nlohmann::ordered_json json = {{"architecture", c.student.name}, {"parameters", c.parameters}, {"macs", c.macs},
                                 {"energy_j", c.energy.value}, {"latency_s", c.latency.value}, {"nvm_bytes", c.nvm_bytes},
                                 {"ram_bytes", c.ram_bytes}, {"fits", c.fits}, {"verdict", c.verdict}};
  if (c.probe_accuracy) json["probe_accuracy"] = *c.probe_accuracy;
  return json;
}

}  // namespace

void add_students(CLI::App& app) {
  auto options = std::make_shared<StudentsArguments>();
  options->job.probe.epochs = 2;
  CLI::App& command = add_command(app, options->common, "students", "which smaller networks fit a budget, and which is best",
                                  "millijoule students --arch resnet-14-w16 --platform msp430fr5994 --budget \"3 mJ\" --data fashion-mnist", true);
  CLI::Option* architecture = command.add_option("--arch", options->architecture, "architecture whose smaller members are candidates")->type_name("NAME");
  command.add_option("--model", options->model.path, "a teacher: members of its architecture, or of any other network what is left without some blocks and channels")
      ->type_name("MODEL")->excludes(architecture);
  options->model.add_preprocessing(command);
  command.add_option("--platform", options->platform, "device: a name of 'platform list', or a description's file")->required()->type_name("NAME");
  command.add_option("--budget", options->energy, "energy per inference, e.g. \"3 mJ\"")->required()->type_name("ENERGY");
  command.add_option("--nvm", options->nvm, "less non-volatile memory than the device has")->type_name("BYTES");
  command.add_option("--ram", options->ram, "less RAM than the device has")->type_name("BYTES");
  command.add_option("--data", options->job.data, "data set: its images' size and classes (docs/data.md)")->required()->type_name("SET");
  command.add_option("--probes", options->job.probes, "how many of the largest are trained briefly, by labels alone; 1 trusts size")->type_name("N")->check(CLI::Range(1, 20));
  command.add_option("--probe-epochs", options->job.probe.epochs, "epochs of these short trainings")->type_name("N")->check(CLI::Range(1, 1000));
  command.add_option("--device", options->device, "where to train: auto, cpu or cuda")->type_name("NAME");
  command.callback([options] {
    if (options->architecture.empty() && options->model.path.empty()) throw CLI::RequiredError("--arch or --model");
    TerminalProgress progress;
    const Platform platform = find_platform(options->platform);
    StudentsJob& job = options->job;
    job.limits = limits_of(*options, platform);
    name_students(*options, job);
    job.probe.seed = options->common.seed;
    job.probe.device = parse_device(options->device);
    const StudentsJobResult result = run_students_job(job, platform, progress);
    if (!json_on_stdout(options->common)) print_candidates(result.candidates, job.limits, platform);
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const Candidate& candidate : result.candidates) all.push_back(json_of(candidate));
    write_json(options->common, {{"schema", 1},
                                 {"budget_j", job.limits.energy.value},
                                 {"candidates", all},
                                 {"chosen", result.candidates[result.chosen].student.name}});
  });
}

}  // namespace mj::cli
