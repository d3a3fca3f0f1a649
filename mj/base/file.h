// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mj {

/// The whole file as bytes. Throws `Error`: `NAME: no such file`, `NAME: is a directory`, ... (never a partial read).
std::vector<std::byte> read_file(const std::filesystem::path& path);

/// The whole file as text.
std::string read_text(const std::filesystem::path& path);

/// Writes to a temporary name beside `path`, flushes it to the disk and renames it: a reader sees the old file or the
/// whole new one, never a part, whatever interrupts. Creates missing parent folders. Throws `Error` naming the path.
void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_file(const std::filesystem::path& path, std::string_view text);

/// Creates the folder (and its parents) and makes sure it can be written to: `DIR: not writable: REASON`.
void make_writable_directory(const std::filesystem::path& path);

}  // namespace mj
