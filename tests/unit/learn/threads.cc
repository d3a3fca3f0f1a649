// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "mj/base/parallel.h"

namespace mj {
namespace {

/// One thread: the networks of the tests are too small to share out, and ctest runs several programs at a time, where
/// threads that wait for each other at every operator are slow.
class OneThread : public testing::Environment {
  void SetUp() override { set_threads(1); }
};

[[maybe_unused]] const testing::Environment* const one_thread = testing::AddGlobalTestEnvironment(new OneThread);

}  // namespace
}  // namespace mj
