// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/elf.h"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>

#include "mj/base/error.h"
#include "mj/base/file.h"

namespace mj {
namespace {

// Tool Interface Standard, "Executable and Linking Format", version 1.2.
constexpr std::uint32_t kHeaderBytes = 52;
constexpr std::uint32_t kProgramHeaderBytes = 32;
constexpr std::uint32_t kSectionHeaderBytes = 40;
constexpr std::uint32_t kSymbolBytes = 16;
constexpr std::uint32_t kExecutable = 2;    // ET_EXEC
constexpr std::uint32_t kLoad = 1;          // PT_LOAD
constexpr std::uint32_t kSymbolTable = 2;   // SHT_SYMTAB
constexpr std::uint32_t kFirstReserved = 0xFF00;  // SHN_LORESERVE
constexpr std::uint32_t kAbsoluteSection = 0xFFF1;

class ElfReader {
 public:
  ElfReader(std::span<const std::byte> file, const ElfMachine& machine) : file_(file), machine_(machine) {}

  ElfProgram read() {
    check_header();
    ElfProgram program;
    program.entry = word(24);
    read_segments(program);
    read_symbols(program);
    return program;
  }

 private:
  /// The bytes `offset` .. `offset + size` of the file; `what` names them when they are not there.
  std::span<const std::byte> part(std::uint64_t offset, std::uint64_t size, const std::string& what) const {
    if (offset > file_.size() || size > file_.size() - offset) {
      fail("{} of {} bytes at offset {} goes beyond the end of the file ({} bytes)", what, size, offset, file_.size());
    }
    return file_.subspan(offset, size);
  }

  static std::uint32_t half(std::span<const std::byte> bytes, std::size_t offset) {
    return std::to_integer<std::uint32_t>(bytes[offset]) | std::to_integer<std::uint32_t>(bytes[offset + 1]) << 8;
  }
  static std::uint32_t word(std::span<const std::byte> bytes, std::size_t offset) {
    return half(bytes, offset) | half(bytes, offset + 2) << 16;
  }
  std::uint32_t half(std::size_t offset) const { return half(file_, offset); }
  std::uint32_t word(std::size_t offset) const { return word(file_, offset); }

  void check_header() const {
    static constexpr std::array<std::uint8_t, 4> kMagic = {0x7F, 'E', 'L', 'F'};
    if (file_.size() < kHeaderBytes || std::memcmp(file_.data(), kMagic.data(), kMagic.size()) != 0) {
      fail("not an ELF file");
    }
    if (file_[4] != std::byte{1} || file_[5] != std::byte{1}) {
      fail("not a 32-bit little-endian ELF file, as {} needs", machine_.name);
    }
    if (half(18) != machine_.code) {
      fail("ELF file for machine {}; expected {} ({})", half(18), machine_.code, machine_.name);
    }
    if (half(16) != kExecutable) fail("ELF file of type {}; expected {} (a linked executable)", half(16), kExecutable);
  }

  /// Entries of a table in the file: offset, size and count are as the header has them.
  std::vector<std::span<const std::byte>> table(std::uint32_t offset, std::uint32_t entry_bytes, std::uint32_t count,
                                                std::uint32_t least, const char* what) const {
    std::vector<std::span<const std::byte>> entries;
    if (count == 0) return entries;
    if (entry_bytes < least) fail("{} entries of {} bytes; expected at least {}", what, entry_bytes, least);
    const auto all = part(offset, std::uint64_t{entry_bytes} * count, fmt::format("{} table", what));
    for (std::uint32_t i = 0; i < count; ++i) entries.push_back(all.subspan(std::size_t{i} * entry_bytes, least));
    return entries;
  }

  void read_segments(ElfProgram& program) const {
    for (const auto entry : table(word(28), half(42), half(44), kProgramHeaderBytes, "program header")) {
      if (word(entry, 0) != kLoad) continue;
      const std::uint32_t offset = word(entry, 4);
      const std::uint32_t address = word(entry, 12);
      const std::uint32_t in_file = word(entry, 16);
      const std::uint32_t in_memory = word(entry, 20);
      if (in_file == 0) continue;
      const std::string what = fmt::format("segment at {:#x}", address);
      if (in_file > in_memory) fail("{}: {} bytes in the file but {} in memory", what, in_file, in_memory);
      if (address >= machine_.address_space || in_file > machine_.address_space - address) {
        fail("{}: {} bytes do not fit below {:#x}", what, in_file, machine_.address_space);
      }
      const auto bytes = part(offset, in_file, what);
      program.segments.push_back({address, {bytes.begin(), bytes.end()}});
    }
    if (program.segments.empty()) fail("no segment to load");
    std::ranges::sort(program.segments, {}, &Segment::address);
    for (std::size_t i = 1; i < program.segments.size(); ++i) {
      const Segment& low = program.segments[i - 1];
      const Segment& high = program.segments[i];
      if (high.address < std::uint64_t{low.address} + low.bytes.size()) {
        fail("segment of {} bytes at {:#x} overlaps the one at {:#x}", low.bytes.size(), low.address, high.address);
      }
    }
  }

  void read_symbols(ElfProgram& program) const {
    const auto sections = table(word(32), half(46), half(48), kSectionHeaderBytes, "section header");
    for (const auto section : sections) {
      if (word(section, 4) != kSymbolTable) continue;
      const std::uint32_t link = word(section, 24);
      if (link >= sections.size()) fail("symbol table names string table {} of {} sections", link, sections.size());
      const auto names = part(word(sections[link], 16), word(sections[link], 20), "string table");
      const std::uint32_t bytes = word(section, 20);
      const auto all = part(word(section, 16), bytes, "symbol table");
      for (std::uint32_t at = 0; bytes - at >= kSymbolBytes; at += kSymbolBytes) read_symbol(program, all.subspan(at), names);
    }
    std::ranges::sort(program.symbols, {}, [](const Symbol& symbol) { return std::tie(symbol.address, symbol.name); });
    const auto same = std::ranges::unique(program.symbols);
    program.symbols.erase(same.begin(), same.end());
  }

  void read_symbol(ElfProgram& program, std::span<const std::byte> entry, std::span<const std::byte> names) const {
    const std::uint32_t name = word(entry, 0);
    const std::uint32_t address = word(entry, 4);
    const std::uint32_t type = std::to_integer<std::uint32_t>(entry[12]) & 0xF;
    const std::uint32_t section = half(entry, 14);
    const bool defined = section != 0 && (section < kFirstReserved || section == kAbsoluteSection);
    if (type > 2 || !defined || address >= machine_.address_space) return;  // sections, files, foreign
    if (name >= names.size()) fail("symbol name at {} of a string table of {} bytes", name, names.size());
    const auto rest = names.subspan(name);
    const auto end = std::ranges::find(rest, std::byte{0});
    if (end == rest.end()) fail("symbol name at {} of the string table has no end", name);
    const std::string text(reinterpret_cast<const char*>(rest.data()), static_cast<std::size_t>(end - rest.begin()));
    if (text.empty() || text.starts_with('.') || text.starts_with('$')) return;  // of the compiler and assembler
    // Functions of Thumb code are marked by an odd address.
    const std::uint32_t thumb = machine_.code == kElfArm.code && type == 2 ? 1 : 0;
    program.symbols.push_back({address & ~thumb, word(entry, 8), text});
  }

  std::span<const std::byte> file_;
  const ElfMachine& machine_;
};

/// Text from a file, safe to print.
std::string printable(std::string_view name) {
  std::string text;
  for (const char c : name.substr(0, 80)) text += c > ' ' && c < 0x7F ? c : '?';
  return text;
}

}  // namespace

std::optional<std::uint32_t> ElfProgram::find(std::string_view name) const {
  const auto found = std::ranges::find(symbols, name, &Symbol::name);
  return found == symbols.end() ? std::nullopt : std::optional(found->address);
}

std::string ElfProgram::describe(std::uint32_t address) const {
  const auto above = std::ranges::upper_bound(symbols, address, {}, &Symbol::address);
  if (above == symbols.begin()) return fmt::format("{:#x}", address);
  const Symbol& symbol = *std::prev(above);
  const std::uint32_t offset = address - symbol.address;
  if (offset == 0) return fmt::format("{:#x} ({})", address, printable(symbol.name));
  return fmt::format("{:#x} ({}+{:#x})", address, printable(symbol.name), offset);
}

ElfProgram read_elf(std::span<const std::byte> file, const ElfMachine& machine) {
  return ElfReader(file, machine).read();
}

ElfProgram load_elf(const std::filesystem::path& path, const ElfMachine& machine) {
  const auto file = read_file(path);
  return with_context(path.string(), [&] { return read_elf(file, machine); });
}

}  // namespace mj
