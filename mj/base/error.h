// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace mj {

/// Bad user data: a file, an option or a combination of them that cannot be served.
///
/// The message is one sentence that says what, where and what was expected. Context (file, node) is put in front
/// of it while it unwinds: `model.onnx: node 'conv_3' (Conv): dilation 2 unsupported; expected 1`.
class Error : public std::exception {
 public:
  explicit Error(std::string message) : message_(std::move(message)) {}

  const char* what() const noexcept override { return message_.c_str(); }

  /// Puts `where` and a colon in front of the message.
  void add_context(std::string_view where) { message_ = fmt::format("{}: {}", where, message_); }

 private:
  std::string message_;
};

/// A broken invariant of ours: never the user's fault, ends the program with exit code 70.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Throws `Error` with a formatted message.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

/// Runs `body`; an `Error` that leaves it carries `where` in front.
template <class Body>
decltype(auto) with_context(std::string_view where, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (Error& error) {
    error.add_context(where);
    throw;
  }
}

namespace detail {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}  // namespace detail

/// Asserts an invariant in every build type; a failure throws `InternalError`.
#define MJ_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::mj::detail::check_failed(#condition, __FILE__, __LINE__))

}  // namespace mj
