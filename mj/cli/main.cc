// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "mj/base/error.h"
#include "mj/cli/command.h"

namespace {

// 0 done, 1 bad data or no solution, 2 usage, 70 a bug of ours (EX_SOFTWARE of sysexits.h).
constexpr int kBadData = 1, kUsage = 2, kBug = 70;

int run(int argc, char** argv) {
  CLI::App app("From a network, a data set and an energy budget to firmware for devices that live on millijoules.", "millijoule");
  app.set_version_flag("--version", "millijoule " MJ_VERSION);
  app.require_subcommand(1);
  app.footer("Every command explains itself: millijoule COMMAND --help");
  mj::cli::add_design(app);
  mj::cli::add_students(app);
  mj::cli::add_inspect(app);
  mj::cli::add_profile(app);
  mj::cli::add_eval(app);
  mj::cli::add_run(app);
  mj::cli::add_train(app);
  mj::cli::add_distil(app);
  mj::cli::add_compress(app);
  mj::cli::add_exits(app);
  mj::cli::add_quantize(app);
  mj::cli::add_emit(app);
  mj::cli::add_platform(app);
  mj::cli::add_simulate(app);
  mj::cli::add_size(app);
  mj::cli::add_twin(app);
  mj::cli::add_powercut(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are no mistakes.
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const mj::Error& error) {
    fmt::print(stderr, "millijoule: {}\n", error.what());
    return kBadData;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "millijoule: not enough memory\n");
    return kBadData;
  } catch (const std::exception& error) {
    fmt::print(stderr, "millijoule: a bug of ours: {}\n", error.what());
    return kBug;
  }
}
