// SPDX-License-Identifier: Apache-2.0

// Bytes that a torn word of memory may change though they belong to nobody.
#include "mj/twin/powercut/cut_test.h"

namespace mj {

std::vector<std::size_t> CutTest::dead_bytes(const Way& way, std::int64_t i) const {
  std::vector<std::size_t> dead;
  const auto word = static_cast<Bytes>(folder_.word_bytes);
  if (word == 1) return dead;
  constexpr std::size_t kBuildBytes = 8;
  const std::size_t build = calls().build_offset;
  for (std::size_t at = build + kBuildBytes; at < build + static_cast<std::size_t>(word); ++at) dead.push_back(at);
  if (call_at(way, i) == Call::kRecover || call_at(way, i) == Call::kNext) return dead;
  std::vector<TouchedBytes> writes{{.begin = folder_.input_offset, .run = folder_.input_bytes}};
  if (call_at(way, i) == Call::kStep) writes = folder_.units[static_cast<std::size_t>(i - 2)].writes;
  std::vector<char> touched(calls().kept_bytes, 0);
  for (const int expanded : {1, 0}) {
    for (const TouchedBytes& region : writes) {
      const bool result = region.place == TouchedBytes::Place::kResult;
      const std::size_t base = result ? calls().result_offset : calls().arena_offset;
      region.each_run([&](Bytes begin, Bytes size) {
        const Bytes from = expanded ? begin / word * word : begin, end = begin + size;
        const Bytes to = expanded ? (end + word - 1) / word * word : end;
        for (Bytes at = from; at < to; ++at) {
          const std::size_t index = base + static_cast<std::size_t>(at);
          if (index < touched.size()) touched[index] = static_cast<char>(expanded);
        }
      });
    }
  }
  for (std::size_t at = 0; at < touched.size(); ++at) {
    if (touched[at]) dead.push_back(at);
  }
  return dead;
}

bool CutTest::same_but(std::span<const std::byte> memory, const Memory& expected, const std::vector<std::size_t>& but) {
  if (same(memory, expected)) return true;
  if (but.empty()) return false;
  Memory copy(memory.begin(), memory.end());
  for (const std::size_t at : but) copy[at] = expected[at];
  return same(copy, expected);
}

std::vector<std::size_t> CutTest::find_dead_at_the_end() const {
  std::vector<std::size_t> dead = dead_bytes(whole(), 0);
  if (folder_.word_bytes == 1) return dead;
  for (std::int64_t i = 2; i < units_ + 2; ++i) {
    const std::string& op = folder_.units[static_cast<std::size_t>(i - 2)].op;
    if (op != "delivery" && op != "exit") continue;
    const auto beside = dead_bytes(whole(), i);
    dead.insert(dead.end(), beside.begin(), beside.end());
  }
  for (std::size_t at = calls().arena_offset; at < calls().kept_bytes; ++at) dead.push_back(at);
  return dead;
}

}  // namespace mj
