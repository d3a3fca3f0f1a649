// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace mj {

/// C source of the plugin that counts what QEMU executes; compiled when it is needed.
extern const char* const kQemuPluginSource;

}  // namespace mj
