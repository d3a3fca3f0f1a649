// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>

namespace mj {

/// The C files of `runtime/` by name, compiled into the program.
const std::map<std::string, std::string>& runtime_files();

/// These files and all they need: what they include and, for every header, the source of the same name.
std::set<std::string> with_dependencies(const std::set<std::string>& files);

}  // namespace mj
