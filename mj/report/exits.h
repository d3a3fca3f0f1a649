// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "mj/flow/exits_job.h"

namespace mj {

/// Exits, thresholds and the curve of accuracy over energy; keys in docs/json.md (those of `exits`).
nlohmann::ordered_json exits_json(const ExitsJobResult& result);

/// One row of text per exit, the end last, and what heads the columns.
std::vector<std::string> exits_header();
std::vector<std::vector<std::string>> exits_rows(const ExitsJobResult& result);

/// Test accuracy against energy as SVG: the exits themselves, and what thresholds make of them.
std::string exits_plot(const ExitsJobResult& result);

}  // namespace mj
