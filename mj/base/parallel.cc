// SPDX-License-Identifier: Apache-2.0
#include "mj/base/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace mj {
namespace {
std::atomic<int> g_threads{0};
}

void set_threads(int threads) { g_threads = std::max(0, threads); }

int threads() {
  const int set = g_threads;
  return set > 0 ? set : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void parallel_for_worker(std::int64_t n, const std::function<void(std::int64_t, int)>& body) {
  const int workers = static_cast<int>(std::min<std::int64_t>(threads(), n));
  if (workers <= 1) {
    for (std::int64_t i = 0; i < n; ++i) body(i, 0);
    return;
  }
  std::atomic<std::int64_t> next{0};
  std::exception_ptr first;
  std::mutex first_mutex;
  const auto work = [&](int worker) {
    try {
      for (std::int64_t i = next++; i < n; i = next++) body(i, worker);
    } catch (...) {
      next = n;
      const std::lock_guard lock(first_mutex);
      if (!first) first = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> pool;
    for (int worker = 1; worker < workers; ++worker) pool.emplace_back(work, worker);
    work(0);
  }
  if (first) std::rethrow_exception(first);
}

void parallel_for(std::int64_t n, const std::function<void(std::int64_t)>& body) {
  parallel_for_worker(n, [&](std::int64_t i, int) { body(i); });
}

}  // namespace mj
