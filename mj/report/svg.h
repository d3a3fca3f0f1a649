// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mj {

/// Text made safe for HTML and SVG.
std::string escaped(std::string_view text);

/// An axis: its label, its limits, and whether it is logarithmic (then low > 0).
struct Axis {
  std::string label;
  double low = 0;
  double high = 1;
  bool logarithmic = false;
};

/// Axis limits that hold all values with a margin.
Axis axis_for(std::string label, const std::vector<double>& values, bool from_zero, bool logarithmic = false);

/// A point of a scatter plot; the note appears when the pointer rests on it, the label stands beside it.
struct Point {
  double x = 0;
  double y = 0;
  std::string css_class;
  std::string note;
  std::string label;
};

/// A line through points, named in the legend.
struct Line {
  std::string name;
  std::string css_class;
  std::vector<double> x;
  std::vector<double> y;
};

/// A marker across the whole plot at one value of x, e.g. a budget.
struct Marker {
  double at = 0;
  std::string label;
};

std::string scatter_plot(const Axis& x, const Axis& y, const std::vector<Point>& points, const std::vector<Marker>& markers);
std::string line_plot(const Axis& x, const Axis& y, const std::vector<Line>& lines);

/// A horizontal bar with its name on the left and its figure on the right.
struct Bar {
  std::string name;
  double value = 0;
  std::string figure;
};
std::string bar_chart(const std::vector<Bar>& bars);

/// A block of memory over time: columns are steps, rows addresses.
struct Block {
  std::string name;
  std::int64_t first = 0;   ///< first step
  std::int64_t last = 0;    ///< last step, inclusive
  std::int64_t offset = 0;
  std::int64_t size = 0;
};
std::string memory_map(const std::vector<Block>& blocks, const std::vector<std::string>& steps, std::int64_t total);

/// Counts {row, column}, row-major, shaded by share of the row.
std::string heat_map(const std::vector<std::string>& names, const std::vector<std::int64_t>& counts);

}  // namespace mj
