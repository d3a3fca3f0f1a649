// SPDX-License-Identifier: Apache-2.0
#include "mj/base/error.h"
#include "mj/cli/command.h"

// Built in place of compress.cc, design.cc, distil.cc, exits.cc, students.cc and train.cc when there is no libtorch: the commands exist and say why they
// cannot run.

namespace mj::cli {
namespace {

void add_unavailable(CLI::App& app, const std::string& name, const std::string& summary) {
  CLI::App* command = app.add_subcommand(name, summary);
  command->allow_extras();
  command->footer("Example:\n  cmake -DMJ_LEARN=ON -B build && cmake --build build   # this build lacks libtorch and training");
  command->callback([name] { fail("'{}' needs training, which this build leaves out (MJ_LEARN=OFF)", name); });
}

}  // namespace

void add_compress(CLI::App& app) { add_unavailable(app, "compress", "a network below limits of memory and energy"); }
void add_design(CLI::App& app) { add_unavailable(app, "design", "the whole job: from a spec to firmware and a report"); }
void add_distil(CLI::App& app) { add_unavailable(app, "distil", "train a student to imitate a teacher"); }
void add_exits(CLI::App& app) { add_unavailable(app, "exits", "one early-exit head that answers at any exit"); }
void add_students(CLI::App& app) { add_unavailable(app, "students", "which smaller networks fit a budget, and which is best"); }
void add_train(CLI::App& app) { add_unavailable(app, "train", "a network from scratch"); }

}  // namespace mj::cli
