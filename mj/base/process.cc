// SPDX-License-Identifier: Apache-2.0
#include "mj/base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "mj/base/error.h"

extern char** environ;

namespace mj {
namespace {

struct Pipe {
  int read = -1;
  int write = -1;

  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) fail("no pipe could be made: {}", std::generic_category().message(errno));
    read = ends[0], write = ends[1];
  }
  ~Pipe() { close_read(), close_write(); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_read() {
    if (read >= 0) ::close(std::exchange(read, -1));
  }
  void close_write() {
    if (write >= 0) ::close(std::exchange(write, -1));
  }
};

/// A program that ends before it has read all its input must not end us with it.
class IgnoreSigpipe {
 public:
  IgnoreSigpipe() : before_(std::signal(SIGPIPE, SIG_IGN)) {}
  ~IgnoreSigpipe() { std::signal(SIGPIPE, before_); }

 private:
  void (*before_)(int);
};

}  // namespace

ProcessResult run_process(const std::vector<std::string>& command, std::span<const std::byte> input,
                          const std::filesystem::path& directory) {
  Pipe in, out, err;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.read, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.write, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.write, STDERR_FILENO);
  if (!directory.empty()) posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int error = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) fail("{}: not found; install it or put it on the PATH", command[0]);
  if (error != 0) fail("{}: cannot be run: {}", command[0], std::generic_category().message(error));
  in.close_read(), out.close_write(), err.close_write();

  const IgnoreSigpipe ignore;
  ::fcntl(in.write, F_SETFL, O_NONBLOCK);
  if (input.empty()) in.close_write();
  ProcessResult result;
  std::array<std::byte, 65536> buffer;
  while (out.read >= 0 || err.read >= 0) {
    std::array<pollfd, 3> polled = {pollfd{in.write, POLLOUT, 0}, pollfd{out.read, POLLIN, 0}, pollfd{err.read, POLLIN, 0}};
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) break;
    if (in.write >= 0 && polled[0].revents != 0) {
      const ssize_t put = ::write(in.write, input.data(), input.size());
      if (put > 0) input = input.subspan(static_cast<std::size_t>(put));
      if (input.empty() || (put < 0 && errno != EAGAIN && errno != EINTR)) in.close_write();
    }
    if (out.read >= 0 && polled[1].revents != 0) {
      const ssize_t got = ::read(out.read, buffer.data(), buffer.size());
      if (got > 0) result.output.insert(result.output.end(), buffer.begin(), buffer.begin() + got);
      if (got == 0 || (got < 0 && errno != EINTR)) out.close_read();
    }
    if (err.read >= 0 && polled[2].revents != 0) {
      const ssize_t got = ::read(err.read, buffer.data(), buffer.size());
      if (got > 0) result.errors.append(reinterpret_cast<const char*>(buffer.data()), static_cast<std::size_t>(got));
      if (got == 0 || (got < 0 && errno != EINTR)) err.close_read();
    }
  }
  in.close_write();
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  result.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

}  // namespace mj
