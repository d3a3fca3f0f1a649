// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/identify.h"

#include <algorithm>
#include <cmath>

#include "mj/base/error.h"
#include "mj/base/parallel.h"
#include "mj/base/text.h"
#include "mj/ir/cost.h"
#include "mj/pass/lower.h"

namespace mj {
namespace {

std::string excess(const Candidate& candidate, const Limits& limits) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (candidate.energy > limits.energy) {
    add(fmt::format("needs {}, {:.3g} x the budget", to_text(candidate.energy), candidate.energy / limits.energy));
  }
  if (candidate.nvm_bytes > limits.nvm) add(fmt::format("needs {} of NVM", bytes_text(candidate.nvm_bytes)));
  if (candidate.ram_bytes > limits.ram) add(fmt::format("needs {} of RAM", bytes_text(candidate.ram_bytes)));
  return text;
}

[[noreturn]] void refuse(const std::vector<Candidate>& candidates, const Limits& limits) {
  if (candidates.empty()) fail("no student to choose from; name some in [students] candidates");
  const auto in_memory = [&](const Candidate& c) { return c.nvm_bytes <= limits.nvm && c.ram_bytes <= limits.ram; };
  const bool any_in_memory = std::any_of(candidates.begin(), candidates.end(), in_memory);
  const auto smallest = std::min_element(candidates.begin(), candidates.end(), [&](const Candidate& a, const Candidate& b) {
    if (any_in_memory && in_memory(a) != in_memory(b)) return in_memory(a);
    return a.energy < b.energy;
  });
  fail("no student fits {} per inference, {} of NVM and {} of RAM; the smallest, {}, needs {}, {} and {}",
       to_text(limits.energy), bytes_text(limits.nvm), bytes_text(limits.ram), smallest->student.name,
       to_text(smallest->energy), bytes_text(smallest->nvm_bytes), bytes_text(smallest->ram_bytes));
}

}  // namespace

std::vector<Candidate> characterise(const std::vector<Student>& students, const Graph* network, const Shape& input,
                                    std::int64_t classes, const Platform& platform) {
  std::vector<Candidate> candidates(students.size());
  parallel_for(static_cast<std::int64_t>(students.size()), [&](std::int64_t i) {
    const Student& student = students[static_cast<std::size_t>(i)];
    const Graph graph = simplify(build(student, network, input, classes, 0));
    const Estimate cost = estimate(lower_for_estimate(graph), platform);
    candidates[static_cast<std::size_t>(i)] = {.student = student,
                                               .parameters = parameter_count(graph),
                                               .macs = total_macs(graph),
                                               .energy = cost.energy,
                                               .latency = cost.latency,
                                               .nvm_bytes = cost.nvm_bytes,
                                               .ram_bytes = cost.ram_bytes};
  });
  return candidates;
}

std::size_t identify(std::vector<Candidate>& candidates, const Limits& limits, int probes, std::int64_t validation_count,
                     const Probe& probe) {
  std::vector<std::size_t> left;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    candidates[i].verdict = excess(candidates[i], limits);
    candidates[i].fits = candidates[i].verdict.empty();
    if (candidates[i].fits) left.push_back(i);
  }
  if (left.empty()) refuse(candidates, limits);

  std::vector<std::size_t> largest;
  for (std::size_t i : left) {
    const auto larger = std::find_if(left.begin(), left.end(), [&](std::size_t other) {
      return smaller(candidates[i].student, candidates[other].student);
    });
    if (larger == left.end()) {
      largest.push_back(i);
    } else {
      candidates[i].verdict = fmt::format("{} is larger and fits", candidates[*larger].student.name);
    }
  }
  std::stable_sort(largest.begin(), largest.end(),
                   [&](std::size_t a, std::size_t b) { return candidates[a].energy > candidates[b].energy; });
  for (std::size_t i = static_cast<std::size_t>(probes); i < largest.size(); ++i) {
    candidates[largest[i]].verdict = fmt::format("not probed: {} others spend more of the budget", probes);
  }
  if (largest.size() > static_cast<std::size_t>(probes)) largest.resize(static_cast<std::size_t>(probes));

  if (largest.size() == 1) {
    candidates[largest[0]].chosen = true;
    candidates[largest[0]].verdict = "chosen: the largest that fits";
    return largest[0];
  }
  double best = 0;
  for (std::size_t i : largest) {
    candidates[i].probe_accuracy = probe(candidates[i].student);
    best = std::max(best, *candidates[i].probe_accuracy);
  }
  // All have seen the same validation samples, so one standard error of a proportion serves as the common yardstick.
  const double sigma = std::sqrt(best * (1 - best) / static_cast<double>(std::max<std::int64_t>(validation_count, 1)));
  std::size_t winner = largest[0];
  for (std::size_t i : largest) {
    const bool close = *candidates[i].probe_accuracy >= best - sigma;
    const bool winner_close = *candidates[winner].probe_accuracy >= best - sigma;
    if (close && (!winner_close || candidates[i].energy < candidates[winner].energy)) winner = i;
  }
  for (std::size_t i : largest) {
    const double accuracy = *candidates[i].probe_accuracy;
    candidates[i].chosen = i == winner;
    candidates[i].verdict =
        i == winner ? fmt::format("chosen: probe {:.2f} %, best {:.2f} ± {:.2f} %", accuracy * 100, best * 100, sigma * 100)
        : accuracy >= best - sigma
            ? fmt::format("probe {:.2f} %: no better than {}, which needs less energy", accuracy * 100,
                          candidates[winner].student.name)
            : fmt::format("probe {:.2f} %, {:.2f} points below the best", accuracy * 100, (best - accuracy) * 100);
  }
  return winner;
}

}  // namespace mj
