// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mj/base/units.h"

namespace mj {

/// A kind of non-volatile memory, each with a port in the runtime.
struct Nvm {
  std::string name;         ///< "fram", "bytes", "words"
  std::string port;         ///< file of the runtime that firmware gets as mj_store.h
  Bytes word_bytes = 1;     ///< what is written at once
  Bytes progress_bytes = 2;  ///< of the record of progress
};

const std::vector<Nvm>& nvm_kinds();
/// Throws `Error` listing the known names.
const Nvm& find_nvm(std::string_view name);

}  // namespace mj
