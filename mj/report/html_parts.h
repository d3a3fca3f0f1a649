// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace mj {

/// A figure with its name above and a note below.
std::string card(const std::string& name, const std::string& figure, const std::string& note);

/// A drawing with its caption.
std::string figure(const std::string& content, const std::string& caption);

}  // namespace mj
