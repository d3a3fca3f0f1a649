// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/host_check.h"

#include <cstdlib>
#include <vector>

#include "mj/base/error.h"
#include "mj/base/process.h"

namespace mj {
namespace {

/// A folder for one build, removed with everything in it.
class BuildFolder {
 public:
  BuildFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "millijoule-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) fail("{}: no folder can be made there", std::filesystem::temp_directory_path().string());
    path_ = name;
  }
  ~BuildFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  BuildFolder(const BuildFolder&) = delete;
  BuildFolder& operator=(const BuildFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The start of a tool's complaint, for a message of ours.
}  // namespace

HostCheck check_on_host(const std::filesystem::path& firmware, const std::string& name, std::span<const Tensor> inputs,
                        std::span<const std::byte> expected) {
  const BuildFolder build;
  std::filesystem::copy(firmware, build.path(), std::filesystem::copy_options::recursive);
  const ProcessResult made = run_process({"make", "-s"}, {}, build.path());
  if (made.exit_code == 127) fail("the host has no C compiler named cc to check the emitted code with: {}", excerpt(made.errors));
  if (made.exit_code != 0) throw InternalError("the emitted C does not compile: " + excerpt(made.errors));

  std::vector<std::byte> stream;
  for (const Tensor& input : inputs) stream.insert(stream.end(), input.data.begin(), input.data.end());
  const ProcessResult ran = run_process({(build.path() / (name + "_run")).string()}, stream);
  if (ran.exit_code != 0) {
    throw InternalError(fmt::format("the emitted C ended with {}: {}", ran.exit_code, excerpt(ran.errors)));
  }
  if (ran.output.size() != expected.size()) {
    throw InternalError(fmt::format("the emitted C wrote {} bytes; expected {}", ran.output.size(), expected.size()));
  }
  HostCheck check{.samples = static_cast<std::int64_t>(inputs.size()), .bytes = static_cast<std::int64_t>(expected.size())};
  for (std::size_t i = 0; i < expected.size(); ++i) check.differing += ran.output[i] != expected[i];
  return check;
}

}  // namespace mj
