// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>

#include <string_view>
#include <utility>

#include "mj/base/error.h"
#include "mj/learn/learn.h"

namespace mj {

/// The device to compute on. Throws `Error` when CUDA is asked for and there is none.
c10::Device torch_device(Device device);

/// The type of activations of height and width while training.
at::ScalarType torch_type(Precision precision);

/// Whether this device computes faster with bfloat16 than with float32.
bool has_bfloat16(c10::Device device);

/// Sets libtorch up to use `threads()` threads and to give the same bits for the same work.
void configure_torch(c10::Device device);

/// One sentence out of libtorch's report of several lines.
std::string torch_message(const c10::Error& error);

/// Runs `body`; what libtorch throws leaves it as an `Error`.
template <class Body>
decltype(auto) with_torch(Device device, Body&& body) {
  try {
    const c10::Device where = torch_device(device);
    configure_torch(where);
    return std::forward<Body>(body)(where);
  } catch (const c10::Error& error) {
    fail("libtorch: {}", torch_message(error));
  }
}

}  // namespace mj
