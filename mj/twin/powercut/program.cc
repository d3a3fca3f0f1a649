// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/powercut/program.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <system_error>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/process.h"

namespace mj {
namespace {

namespace fs = std::filesystem;

/// The firmware behind a table of functions; `struct calls` has the fields of FirmwareCalls.
constexpr const char* kGlue = R"(#include "@.h"
typedef void (*hook_function)(void* context, void* to, const void* from, size_t n);
static hook_function hook;
static void* hook_context;
static void set_hook(hook_function function, void* context) {
  hook = function;
  hook_context = context;
}
#if MJ_NV_SLOTS == 1
void mj_hook_store(void* to, const void* from, size_t n) { hook(hook_context, to, from, n); }
#elif MJ_NV_WORD == 1
void mj_board_write_byte(uint8_t* to, uint8_t value) { hook(hook_context, to, &value, 1); }
#else
void mj_board_write_word(void* to, const uint8_t* from) { hook(hook_context, to, from, MJ_NV_WORD); }
#endif
static uint8_t recover(void* state, void* kept) { return @_recover((@_state*)state, (@_nonvolatile*)kept); }
static uint8_t phase(const void* state) { return @_phase((const @_state*)state); }
static uint8_t set_input(void* state, const int8_t* input) { return @_set_input((@_state*)state, input); }
static uint8_t next(void* state) { return @_next((@_state*)state); }
static uint32_t epoch(const void* state) { return @_epoch((const @_state*)state); }
static const int8_t* output(const void* state) { return @_output((const @_state*)state, 0); }
static uint16_t unit(const void* state) { return (uint16_t)(((const @_state*)state)->lost.position & 0x7fff); }
typedef uint8_t (*go_on_function)(void* context, uint8_t exit, uint16_t confidence);
#ifdef ^_EXITS
static go_on_function go_on;
static void* go_on_context;
static uint8_t step(void* state) { return @_step_until((@_state*)state, go_on, go_on_context); }
static uint8_t exit_reached(const void* state) { return @_exit((const @_state*)state); }
static void decide_by(go_on_function function, void* context) {
  go_on = function;
  go_on_context = context;
}
#else
static uint8_t step(void* state) { return @_step((@_state*)state); }
#define exit_reached NULL
#define decide_by NULL
#endif
typedef struct {
  uint8_t (*recover)(void*, void*);
  uint8_t (*phase)(const void*);
  uint8_t (*set_input)(void*, const int8_t*);
  uint8_t (*step)(void*);
  uint8_t (*next)(void*);
  uint32_t (*epoch)(const void*);
  const int8_t* (*output)(const void*);
  void (*store)(hook_function, void*);
  uint16_t (*unit)(const void*);
  uint8_t (*exit)(const void*);
  void (*decide)(go_on_function, void*);
  void* line;
  size_t line_bytes, state_bytes, kept_bytes, kept_alignment, head_bytes, progress_bytes, build_offset;
  size_t result_offset, result_bytes, arena_offset, units;
} firmware_calls;
extern const firmware_calls powercut_calls;
const firmware_calls powercut_calls = {
    recover, phase, set_input, step, next, epoch, output, set_hook, unit, exit_reached, decide_by,
#ifdef MJ_NV_LINE
    &mj_open_line, sizeof mj_open_line,
#else
    NULL, 0,
#endif
    sizeof(@_state), sizeof(@_nonvolatile), MJ_NV_WORD > 2 ? MJ_NV_WORD : 2, sizeof(mj_kept),
    sizeof(((mj_kept*)0)->progress), offsetof(mj_kept, build), offsetof(@_nonvolatile, result),
    sizeof(((@_nonvolatile*)0)->result[0]), offsetof(@_nonvolatile, arena), ^_UNITS,
};
)";

std::string with_names(std::string text, const std::string& name) {
  std::string macro = name;
  for (char& c : macro) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  for (const auto& [mark, word] : {std::pair('@', name), std::pair('^', macro)}) {
    for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + word.size())) {
      text.replace(at, 1, word);
    }
  }
  return text;
}

/// Start-up code and board, which are none of the network's.
bool of_the_device(const std::string& file) {
  return file == "main.c" || file == "board.c" || file == "start.c" || file == "memory.c";
}

}  // namespace

FirmwareProgram::FirmwareProgram(const FirmwareFolder& folder, int copies, const std::string& seed_bug) {
  std::string name = (fs::temp_directory_path() / "millijoule-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) fail("{}: no folder can be made there", fs::temp_directory_path().string());
  build_ = name;
  std::vector<std::string> command{"cc", "-std=c99", "-O2", "-fPIC", "-shared", "-DMJ_STORE_HOOK", "-o", "copy0.so", "powercut_glue.c"};
  for (const auto& entry : fs::directory_iterator(folder.directory)) {
    const std::string file = entry.path().filename().string();
    const bool source = file.ends_with(".c") && !of_the_device(file);
    if (!source && !file.ends_with(".h")) continue;
    fs::copy_file(entry.path(), build_ / file);
    if (source) command.push_back(file);
  }
  std::sort(command.begin() + 9, command.end());
  write_file(build_ / "powercut_glue.c", with_names(kGlue, folder.name));
  if (!seed_bug.empty()) plant_bug(build_, folder, seed_bug);
  const ProcessResult made = run_process(command, {}, build_);
  if (made.exit_code != 0) fail("{}: the firmware does not compile: {}", folder.directory.string(), excerpt(made.errors));
  for (int i = 0; i < copies; ++i) {
    const fs::path file = build_ / fmt::format("copy{}.so", i);
    if (i > 0) fs::copy_file(build_ / "copy0.so", file);
    void* handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle) fail("{}: the compiled firmware cannot be loaded: {}", folder.directory.string(), ::dlerror());
    handles_.push_back(handle);
    calls_.push_back(static_cast<const FirmwareCalls*>(::dlsym(handle, "powercut_calls")));
    MJ_CHECK(calls_.back() != nullptr);
  }
  const FirmwareCalls& calls = copy(0);
  if (calls.units != folder.units.size() || calls.arena_offset + static_cast<std::size_t>(folder.arena_bytes) > calls.kept_bytes ||
      calls.result_bytes != static_cast<std::size_t>(folder.result_bytes)) {
    fail("{}: the code and its manifest belong to different builds", folder.directory.string());
  }
}

FirmwareProgram::~FirmwareProgram() {
  for (void* handle : handles_) ::dlclose(handle);
  std::error_code ignored;
  fs::remove_all(build_, ignored);
}

}  // namespace mj
