// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "mj/flow/cross_check_job.h"
#include "mj/flow/harvest_job.h"

namespace mj {

/// The entries of the books that energy went to or is stored in, by name, in the order they are shown.
std::vector<std::pair<std::string, double>> energy_terms(const EnergyBooks& books);

/// What `simulate --json` writes (keys in docs/json.md): the first policy's results at the top, all under `policies`.
nlohmann::ordered_json harvest_json(const HarvestComparison& result);

/// What `simulate --on twin --json` writes (keys in docs/json.md).
nlohmann::ordered_json cross_check_json(const CrossCheck& result);

/// One self-contained page: the timeline of the first policy to zoom into, energy breakdown, completion times, reboots per
/// inference, comparison of the policies. The same on every run.
std::string harvest_html(const HarvestComparison& result);

}  // namespace mj
