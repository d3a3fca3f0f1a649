// SPDX-License-Identifier: Apache-2.0
#include "mj/emit/nvm.h"

#include "mj/base/error.h"

namespace mj {

const std::vector<Nvm>& nvm_kinds() {
  static const std::vector<Nvm> kinds{{"fram", "mj_store_fram.h", 1, 2},
                                      {"bytes", "mj_store_bytes.h", 1, 8},
                                      {"words", "mj_store_words.h", 16, 32}};
  return kinds;
}

const Nvm& find_nvm(std::string_view name) {
  for (const Nvm& nvm : nvm_kinds()) {
    if (nvm.name == name) return nvm;
  }
  fail("unknown non-volatile memory '{}'; expected fram, bytes or words", name);
}

}  // namespace mj
