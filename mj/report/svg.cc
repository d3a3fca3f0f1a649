// SPDX-License-Identifier: Apache-2.0
#include "mj/report/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "mj/base/text.h"

namespace mj {
namespace {

constexpr double kWidth = 640, kHeight = 320;
constexpr double kLeft = 64, kRight = 20, kTop = 16, kBottom = 44;

/// Round numbers between the limits: steps of 1, 2 or 5 times a power of ten; decades when logarithmic.
std::vector<double> ticks(const Axis& axis) {
  std::vector<double> at;
  if (axis.logarithmic) {
    const bool narrow = axis.high / axis.low < 30;
    for (double decade = std::pow(10, std::floor(std::log10(axis.low))); decade <= axis.high; decade *= 10) {
      for (double step : {1.0, 2.0, 5.0}) {
        if (step > 1 && !narrow) continue;
        if (decade * step >= axis.low * 0.999 && decade * step <= axis.high * 1.001) at.push_back(decade * step);
      }
    }
    return at;
  }
  const double raw = (axis.high - axis.low) / 6;
  const double decade = std::pow(10, std::floor(std::log10(raw)));
  const double step = raw / decade < 1.5 ? decade : raw / decade < 3.5 ? 2 * decade : raw / decade < 7.5 ? 5 * decade : 10 * decade;
  for (double k = std::ceil(axis.low / step - 1e-9); k * step <= axis.high + step * 1e-9; ++k) at.push_back(k * step);
  return at;
}

std::string tick_text(double value) {
  if (std::fabs(value) < 1e-12) return "0";
  return fmt::format("{:.4g}", value);
}

class Frame {
 public:
  Frame(const Axis& x, const Axis& y) : x_(x), y_(y) {
    svg_ = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\">\n", kWidth, kHeight);
    for (double at : ticks(x)) {
      put("<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\"/>", px(at), kTop, kHeight - kBottom);
      put("<text class=\"tick\" text-anchor=\"middle\" x=\"{:.1f}\" y=\"{}\">{}</text>", px(at), kHeight - kBottom + 16, tick_text(at));
    }
    for (double at : ticks(y)) {
      put("<line class=\"grid\" x1=\"{1}\" x2=\"{2}\" y1=\"{0:.1f}\" y2=\"{0:.1f}\"/>", py(at), kLeft, kWidth - kRight);
      put("<text class=\"tick\" text-anchor=\"end\" x=\"{}\" y=\"{:.1f}\">{}</text>", kLeft - 6, py(at) + 4, tick_text(at));
    }
    put("<text class=\"label\" text-anchor=\"middle\" x=\"{:.1f}\" y=\"{}\">{}</text>", (kLeft + kWidth - kRight) / 2, kHeight - 6,
        escaped(x.label));
    put("<text class=\"label\" text-anchor=\"middle\" transform=\"translate(14 {:.1f}) rotate(-90)\">{}</text>",
        (kTop + kHeight - kBottom) / 2, escaped(y.label));
  }

  template <class... Args>
  void put(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(svg_), format, std::forward<Args>(args)...);
    svg_ += '\n';
  }
  double px(double x) const { return kLeft + share(x_, x) * (kWidth - kLeft - kRight); }
  double py(double y) const { return kHeight - kBottom - share(y_, y) * (kHeight - kTop - kBottom); }
  std::string finish() { return svg_ + "</svg>\n"; }

 private:
  static double share(const Axis& axis, double value) {
    if (axis.logarithmic) return std::log(value / axis.low) / std::log(axis.high / axis.low);
    return (value - axis.low) / (axis.high - axis.low);
  }

  const Axis& x_;
  const Axis& y_;
  std::string svg_;
};

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

Axis axis_for(std::string label, const std::vector<double>& values, bool from_zero, bool logarithmic) {
  Axis axis{std::move(label), 0, 1, logarithmic};
  if (values.empty()) return axis.logarithmic ? Axis{axis.label, 1, 10, true} : axis;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  if (logarithmic) {
    axis.low = *low / 1.3, axis.high = *high * 1.3;
    return axis;
  }
  const double margin = std::max((*high - *low) * 0.08, std::fabs(*high) * 1e-3 + 1e-12);
  axis.low = from_zero ? 0 : *low - margin;
  axis.high = *high + margin;
  return axis;
}

std::string scatter_plot(const Axis& x, const Axis& y, const std::vector<Point>& points, const std::vector<Marker>& markers) {
  Frame frame(x, y);
  for (const Marker& marker : markers) {
    const double at = frame.px(marker.at);
    // Beside the line, on the side that has the room.
    const bool left = at > kWidth * 0.7;
    frame.put("<line class=\"marker\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\"/>", at, kTop, kHeight - kBottom);
    frame.put("<text class=\"markertext\" text-anchor=\"{}\" x=\"{:.1f}\" y=\"{}\">{}</text>", left ? "end" : "start",
              at + (left ? -5 : 5), kTop + 12, escaped(marker.label));
  }
  for (const Point& point : points) {
    frame.put("<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\"><title>{}</title></circle>", point.css_class,
              frame.px(point.x), frame.py(point.y), escaped(point.note));
    if (point.label.empty()) continue;
    const bool left = frame.px(point.x) > kWidth * 0.75;
    frame.put("<text class=\"pointtext\" text-anchor=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", left ? "end" : "start",
              frame.px(point.x) + (left ? -9 : 9), frame.py(point.y) + 4, escaped(point.label));
  }
  return frame.finish();
}

std::string line_plot(const Axis& x, const Axis& y, const std::vector<Line>& lines) {
  Frame frame(x, y);
  double legend = kTop + 12;
  for (const Line& line : lines) {
    std::string path;
    for (std::size_t i = 0; i < line.x.size(); ++i) {
      path += fmt::format("{}{:.1f} {:.1f}", i == 0 ? "M" : " L", frame.px(line.x[i]), frame.py(line.y[i]));
    }
    frame.put("<path class=\"line {}\" d=\"{}\"/>", line.css_class, path);
    frame.put("<path class=\"line {}\" d=\"M{} {} h22\"/>", line.css_class, kLeft + 12, legend - 4);
    frame.put("<text class=\"pointtext\" x=\"{}\" y=\"{}\">{}</text>", kLeft + 40, legend, escaped(line.name));
    legend += 17;
  }
  return frame.finish();
}

std::string bar_chart(const std::vector<Bar>& bars) {
  constexpr double kRow = 20, kNames = 190, kFigures = 120;
  double most = 0;
  for (const Bar& bar : bars) most = std::max(most, bar.value);
  std::string svg = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\">\n", kWidth, kRow * static_cast<double>(bars.size()) + 4);
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const double y = kRow * static_cast<double>(i) + 2;
    const double width = most > 0 ? bars[i].value / most * (kWidth - kNames - kFigures) : 0;
    svg += fmt::format("<text class=\"pointtext\" text-anchor=\"end\" x=\"{}\" y=\"{}\">{}</text>\n", kNames - 8, y + 13, escaped(bars[i].name));
    svg += fmt::format("<rect class=\"bar\" x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"14\" rx=\"2\"/>\n", kNames, y + 2, width);
    svg += fmt::format("<text class=\"tick\" x=\"{:.1f}\" y=\"{}\">{}</text>\n", kNames + width + 6, y + 13, escaped(bars[i].figure));
  }
  return svg + "</svg>\n";
}

std::string memory_map(const std::vector<Block>& blocks, const std::vector<std::string>& steps, std::int64_t total) {
  constexpr double kMap = 260;
  const double column = (kWidth - kLeft - kRight) / static_cast<double>(std::max<std::size_t>(steps.size(), 1));
  const double scale = kMap / static_cast<double>(std::max<std::int64_t>(total, 1));
  std::string svg = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\">\n", kWidth, kMap + kTop + kBottom);
  svg += fmt::format("<rect class=\"ground\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\n", kLeft, kTop, kWidth - kLeft - kRight, kMap);
  for (const Block& block : blocks) {
    const double x = kLeft + column * static_cast<double>(block.first);
    const double width = column * static_cast<double>(block.last - block.first + 1);
    const double y = kTop + kMap - scale * static_cast<double>(block.offset + block.size);
    svg += fmt::format(
        "<rect class=\"block\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" rx=\"2\"><title>{}: {} at {}</title></rect>\n",
        x + 1, y, width - 2, std::max(scale * static_cast<double>(block.size) - 1, 1.0), escaped(block.name),
        thousands(block.size) + " B", thousands(block.offset));
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps.size() > 40 && i % (steps.size() / 20) != 0) continue;
    svg += fmt::format("<text class=\"tick\" text-anchor=\"middle\" x=\"{:.1f}\" y=\"{}\"><title>{}</title>{}</text>\n",
                       kLeft + column * (static_cast<double>(i) + 0.5), kTop + kMap + 16, escaped(steps[i]), i);
  }
  svg += fmt::format("<text class=\"tick\" text-anchor=\"end\" x=\"{}\" y=\"{}\">{} B</text>\n", kLeft - 6, kTop + 10, thousands(total));
  svg += fmt::format("<text class=\"tick\" text-anchor=\"end\" x=\"{}\" y=\"{}\">0</text>\n", kLeft - 6, kTop + kMap);
  svg += fmt::format("<text class=\"label\" text-anchor=\"middle\" x=\"{}\" y=\"{}\">step of the inference</text>\n",
                     (kLeft + kWidth - kRight) / 2, kTop + kMap + 36);
  return svg + "</svg>\n";
}

std::string heat_map(const std::vector<std::string>& names, const std::vector<std::int64_t>& counts) {
  const std::size_t n = names.size();
  std::string html = "<table class=\"heat\"><tr><th></th>";
  for (const std::string& name : names) html += fmt::format("<th class=\"up\"><span>{}</span></th>", escaped(name));
  html += "</tr>\n";
  for (std::size_t i = 0; i < n; ++i) {
    std::int64_t sum = 0;
    for (std::size_t j = 0; j < n; ++j) sum += counts[i * n + j];
    html += fmt::format("<tr><th>{}</th>", escaped(names[i]));
    for (std::size_t j = 0; j < n; ++j) {
      const std::int64_t count = counts[i * n + j];
      const double share = sum > 0 ? static_cast<double>(count) / static_cast<double>(sum) : 0;
      // Mistakes are rare: the square root makes them visible beside the diagonal.
      html += fmt::format("<td class=\"{}\" style=\"--share:{:.0f}%\">{}</td>", i == j ? "right" : "wrong",
                          std::sqrt(share) * 85, count == 0 ? "" : std::to_string(count));
    }
    html += "</tr>\n";
  }
  return html + "</table>\n";
}

}  // namespace mj
