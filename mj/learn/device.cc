// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <malloc.h>
#include <stdlib.h>

#include "mj/base/parallel.h"

namespace mj {

Device parse_device(const std::string& text) {
  if (text == "auto") return Device::kAuto;
  if (text == "cpu") return Device::kCpu;
  if (text == "cuda") return Device::kCuda;
  fail("device '{}' is unknown; expected auto, cpu or cuda", text);
}

at::ScalarType torch_type(Precision precision) { return precision == Precision::kBfloat16 ? at::kBFloat16 : at::kFloat; }

bool has_bfloat16(c10::Device device) {
#ifdef __x86_64__
  return device.is_cuda() || __builtin_cpu_supports("avx512bf16");
#else
  return device.is_cuda();
#endif
}

c10::Device torch_device(Device device) {
  const bool cuda = device != Device::kCpu && at::hasCUDA();
  if (device == Device::kCuda && !cuda) fail("device 'cuda': no usable CUDA device was found; expected auto or cpu");
  return cuda ? c10::Device(c10::kCUDA, 0) : c10::Device(c10::kCPU);
}

void configure_torch(c10::Device device) {
  if (at::get_num_threads() != threads()) at::set_num_threads(threads());
  if (device.is_cuda()) {
    setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*replace=*/0);  // cuBLAS sums in one order only with this
    // float32 means float32, as on the processor; whoever wants speed asks for bfloat16.
    at::globalContext().setAllowTF32CuDNN(false);
    at::globalContext().setBenchmarkCuDNN(false);
    at::globalContext().setDeterministicCuDNN(true);
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
  } else {
    // Every step allocates and frees the same large tensors. By default the C library returns each to the system and
    // takes its pages back, zeroed, one fault at a time.
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
  }
}

std::string torch_message(const c10::Error& error) {
  const std::string text = error.what_without_backtrace();
  return text.substr(0, text.find('\n'));
}

}  // namespace mj
