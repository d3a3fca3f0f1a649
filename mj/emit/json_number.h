// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include "mj/base/text.h"

namespace mj {

/// A number as JSON, with the digits that `number_text` writes.
inline nlohmann::ordered_json json_number(double value) { return nlohmann::ordered_json::parse(number_text(value)); }

}  // namespace mj
