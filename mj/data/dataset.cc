// SPDX-License-Identifier: Apache-2.0
#include "mj/data/dataset.h"

#include <array>
#include <filesystem>
#include <new>
#include <optional>
#include <utility>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/data/formats.h"

namespace mj {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFashionMnistDir = "/usr/share/datasets/fashion-mnist";

struct Format {
  const char* name;
  DataSet (*read)(const fs::path& dir, Half half);
};

DataSet read_idx_dir(const fs::path& dir, Half half) { return read_idx(dir, half); }

constexpr std::array kFormats{
    Format{"idx", read_idx_dir},   Format{"cifar10", read_cifar10}, Format{"cifar100", read_cifar100},
    Format{"images", read_images}, Format{"npy", read_npy_set},
};

DataSet read_any(std::string_view specification, Half half) {
  if (specification == "fashion-mnist") return read_fashion_mnist(kFashionMnistDir, half);
  const std::size_t colon = specification.find(':');
  const std::string_view name = specification.substr(0, colon);
  for (const Format& format : kFormats) {
    if (name != format.name) continue;
    if (colon == std::string_view::npos || colon + 1 == specification.size()) {
      fail("data set '{}': names no folder; expected {}:DIR", specification, name);
    }
    const fs::path dir(specification.substr(colon + 1));
    if (!fs::exists(dir)) fail("data set '{}': {}: no such folder", specification, dir.string());
    if (!fs::is_directory(dir)) fail("data set '{}': {}: not a folder", specification, dir.string());
    return format.read(dir, half);
  }
  std::vector<std::string> names{"fashion-mnist"};
  for (const Format& format : kFormats) names.push_back(format.name);
  const std::optional<std::string> meant = nearest(name, names);
  fail("unknown data set '{}'{}; expected fashion-mnist, idx:DIR, cifar10:DIR, cifar100:DIR, images:DIR or npy:DIR",
       specification, meant ? fmt::format(" (did you mean {}?)", *meant) : "");
}

}  // namespace

DataSet read_dataset(std::string_view specification, Half half) {
  try {
    DataSet set = read_any(specification, half);
    set.name = specification;
    return set;
  } catch (const fs::filesystem_error& error) {
    fail("{}: {}", error.path1().string(), error.code().message());
  } catch (const std::bad_alloc&) {
    fail("data set '{}': does not fit into memory", specification);
  }
}

}  // namespace mj
