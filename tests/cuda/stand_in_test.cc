// SPDX-License-Identifier: Apache-2.0
// That the stand-in refuses what a device refuses; without that, what it lets pass would show nothing.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace {

TEST(StandIn, ComputesWhatTheProcessorComputes) {
  const at::Tensor host = at::arange(12, at::kFloat).reshape({3, 4});
  const at::Tensor device = host.to(at::kCUDA);
  EXPECT_TRUE(device.is_cuda());
  const at::Tensor result = (device.t().matmul(device) + device.narrow(0, 1, 1).square().sum()).relu();
  EXPECT_TRUE(result.is_cuda());
  EXPECT_TRUE(result.to(at::kCPU).equal((host.t().matmul(host) + host.narrow(0, 1, 1).square().sum()).relu()));
}

TEST(StandIn, RefusesTensorsOfTheHost) {
  const at::Tensor host = at::ones({2, 3}), device = at::ones({2, 3}, at::kCUDA);
  EXPECT_THROW(device + host, c10::Error);
  EXPECT_THROW(at::where(device > 0, device, host), c10::Error);
  EXPECT_THROW(at::Tensor(device.clone()).mul_(host), c10::Error);
  EXPECT_THROW(at::linear(host, device), c10::Error);
  EXPECT_EQ((device + at::scalar_tensor(2)).sum().item<float>(), 18) << "but for scalars, as CUDA takes them";
}

TEST(StandInDeathTest, ItsMemoryIsNotTheHosts) {
  const at::Tensor device = at::ones({2, 3}, at::kCUDA);
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(*static_cast<volatile float*>(device.data_ptr<float>()), "");
}

}  // namespace
