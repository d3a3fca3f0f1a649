// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/twin/elf.h"

namespace mj::msp430 {

using Program = ElfProgram;

/// A linked program for the MSP430; see `mj/twin/elf.h`.
inline Program read_elf(std::span<const std::byte> file) { return mj::read_elf(file, kElfMsp430); }
inline Program load_elf(const std::filesystem::path& path) { return mj::load_elf(path, kElfMsp430); }

}  // namespace mj::msp430
