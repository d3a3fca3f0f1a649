// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "mj/flow/design.h"

namespace mj {

/// report.json (`schema` 1): everything that is the same on every run of the same spec; keys in docs/json.md.
std::string report_json(const DesignResult& result);

/// run.json (`schema` 1): what was measured on this run: seconds and joules of every phase.
std::string run_json(const DesignResult& result);

/// report.html: one self-contained page with tables and plots, no scripts and no network; the same on every run.
std::string report_html(const DesignResult& result);

/// The one screen that `design` ends with.
std::string summary_text(const DesignResult& result);

}  // namespace mj
