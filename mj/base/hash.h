// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace mj {

/// FNV-1a, 64 bits (Fowler, Noll, Vo): names content (constants, builds), not meant against forgery.
std::uint64_t content_hash(std::span<const std::byte> bytes, std::uint64_t seed = 0xcbf29ce484222325u);

/// 16 lower-case hexadecimal digits.
std::string hash_text(std::uint64_t hash);

}  // namespace mj
