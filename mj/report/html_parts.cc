// SPDX-License-Identifier: Apache-2.0
#include "mj/report/html_parts.h"

#include <fmt/format.h>

namespace mj {

std::string card(const std::string& name, const std::string& figure, const std::string& note) {
  return fmt::format("<div class=\"card\"><div class=\"name\">{}</div><div class=\"figure\">{}</div><div class=\"note\">{}</div></div>\n",
                     name, figure, note);
}

std::string figure(const std::string& content, const std::string& caption) {
  return "<figure>" + content + "<figcaption>" + caption + "</figcaption></figure>\n";
}

}  // namespace mj
