// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

namespace mj {

/// How many threads work runs on; 0 (the default) means one per core.
void set_threads(int threads);
int threads();

/// Calls `body(i)` for i in 0..n-1 from `threads()` threads, in no particular order; the first exception is rethrown
/// after all threads have stopped. `body` must not depend on the order.
void parallel_for(std::int64_t n, const std::function<void(std::int64_t)>& body);

/// The same with the worker's number (0..threads()-1), for scratch memory per worker.
void parallel_for_worker(std::int64_t n, const std::function<void(std::int64_t i, int worker)>& body);

}  // namespace mj
