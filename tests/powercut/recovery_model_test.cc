// SPDX-License-Identifier: Apache-2.0

// Recovery and commit of the runtime by themselves, for each port: every position, every write, every state that a torn
// write can leave, and the same again while recovering.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <setjmp.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/process.h"
#include "mj/base/random.h"
#include "networks.h"

namespace mj {
namespace {

constexpr std::uint16_t kWaiting = 0x7fff, kParity = 0x8000;
constexpr std::uint8_t kBuild[8] = {1, 2, 3, 4, 5, 6, 7, 8};

constexpr const char* kGlue = R"(#include "mj_units.h"
void (*model_store)(void* to, const void* from, size_t n);
#if MJ_NV_SLOTS == 1
void mj_hook_store(void* to, const void* from, size_t n) { model_store(to, from, n); }
#elif MJ_NV_WORD == 1
void mj_board_write_byte(uint8_t* to, uint8_t value) { model_store(to, &value, 1); }
#else
void mj_board_write_word(void* to, const uint8_t* from) { model_store(to, from, MJ_NV_WORD); }
#endif
const size_t model_kept_bytes = sizeof(mj_kept);
const size_t model_progress_bytes = sizeof(((mj_kept*)0)->progress);
)";

/// What a cut does to the write it meets: leaves the bytes of `mask` new, the rest old, or garbage.
struct Tear {
  std::uint32_t mask = 0;
  bool garbage = false;
};

class Model {
 public:
  Model(const std::string& nvm, const std::filesystem::path& folder) {
    const std::filesystem::path runtime = std::filesystem::path(MJ_SOURCE_DIR) / "runtime";
    for (const auto& entry : std::filesystem::directory_iterator(runtime)) {
      const std::string name = entry.path().filename().string();
      if (name.ends_with(".h") || name == "mj_units.c") std::filesystem::copy_file(entry.path(), folder / name);
    }
    std::filesystem::copy_file(runtime / ("mj_store_" + nvm + ".h"), folder / "mj_store.h",
                               std::filesystem::copy_options::overwrite_existing);
    write_file(folder / "glue.c", std::string(kGlue));
    const ProcessResult made = run_process({"cc", "-std=c99", "-O1", "-fPIC", "-shared", "-DMJ_STORE_HOOK", "-o", "model.so", "glue.c",
                                            "mj_units.c"}, {}, folder);
    if (made.exit_code != 0) throw std::runtime_error(made.errors);
    handle_ = ::dlopen((folder / "model.so").c_str(), RTLD_NOW | RTLD_LOCAL);
    recover_ = reinterpret_cast<Recover>(::dlsym(handle_, "mj_recover"));
    recover_decisions_ = reinterpret_cast<RecoverDecisions>(::dlsym(handle_, "mj_recover_decisions"));
    commit_end_ = reinterpret_cast<Commit>(::dlsym(handle_, "mj_commit_end"));
    commit_ = reinterpret_cast<Commit>(::dlsym(handle_, "mj_commit"));
    *static_cast<void (**)(void*, const void*, std::size_t)>(::dlsym(handle_, "model_store")) = &Model::store;
    size_ = *static_cast<const std::size_t*>(::dlsym(handle_, "model_kept_bytes"));
    progress_bytes = *static_cast<const std::size_t*>(::dlsym(handle_, "model_progress_bytes"));
    memory_.resize(size_ + 64);
    kept = reinterpret_cast<std::uint8_t*>((reinterpret_cast<std::uintptr_t>(memory_.data()) + 63) / 64 * 64);
  }
  ~Model() { ::dlclose(handle_); }

  using Image = std::vector<std::uint8_t>;
  Image image() const { return {kept, kept + size_}; }
  void load(const Image& image) { std::memcpy(kept, image.data(), size_); }

  int recover(std::uint16_t& position) {
    active_ = this;
    if (decisions.empty()) return recover_(kept, kBuild, units, &position);
    const DecisionList list{decisions.data(), static_cast<std::uint8_t>(decisions.size())};
    return recover_decisions_(kept, kBuild, units, &list, &position);
  }
  void commit_end(std::uint16_t& position) {
    active_ = this;
    commit_end_(kept, units, &position);
  }
  void commit(std::uint16_t& position) {
    active_ = this;
    commit_(kept, units, &position);
  }
  /// Whether the cut came: it does at write `write` of the action, if there is one.
  bool cut(int write, const Tear& tear, const std::function<void()>& action) {
    countdown_ = write;
    tear_ = tear;
    if (_setjmp(power_) != 0) return countdown_ = -1, true;
    action();
    countdown_ = -1;
    return false;
  }

  std::uint16_t units = 300;  // beyond one byte
  std::vector<std::uint16_t> decisions;
  std::uint8_t* kept = nullptr;
  std::size_t progress_bytes = 0;
  std::size_t written = 1;  ///< bytes of the write that was cut

 private:
  using Recover = std::uint8_t (*)(void*, const std::uint8_t*, std::uint16_t, std::uint16_t*);
  struct DecisionList {
    const std::uint16_t* units;
    std::uint8_t count;
  };
  using RecoverDecisions = std::uint8_t (*)(void*, const std::uint8_t*, std::uint16_t, const DecisionList*, std::uint16_t*);
  using Commit = void (*)(void*, std::uint16_t, std::uint16_t*);

  static void store(void* to, const void* from, std::size_t n) {
    Model& model = *active_;
    auto* bytes = static_cast<std::uint8_t*>(to);
    const auto* source = static_cast<const std::uint8_t*>(from);
    if (model.countdown_ >= 0 && model.countdown_-- == 0) {
      model.written = n;
      for (std::size_t i = 0; i < n; ++i) {
        if (model.tear_.garbage) {
          bytes[i] = static_cast<std::uint8_t>((model.tear_.mask >> (i % 4 * 8)) + 31 * i);
        } else if (model.tear_.mask >> i & 1) {
          bytes[i] = source[i];
        }
      }
      ::_longjmp(model.power_, 1);
    }
    std::memcpy(to, from, n);
  }

  static Model* active_;
  std::vector<std::uint8_t> memory_;
  void* handle_ = nullptr;
  Recover recover_ = nullptr;
  RecoverDecisions recover_decisions_ = nullptr;
  Commit commit_end_ = nullptr;
  Commit commit_ = nullptr;
  std::size_t size_ = 0;
  int countdown_ = -1;
  Tear tear_;
  jmp_buf power_;
};

Model* Model::active_ = nullptr;

class RecoveryModel : public testing::TestWithParam<const char*> {
 protected:
  RecoveryModel() : model(GetParam(), folder.path()) {}

  bool words() const { return GetParam() == std::string("words"); }

  /// All that a cut can leave of one write: nothing or everything where it is atomic; of a word any mixture, and garbage.
  std::vector<Tear> tears(bool all) const {
    if (!words()) return {{0, false}, {0xffff, false}};
    std::vector<Tear> list;
    for (std::uint32_t mask = 0; mask < 0x10000; mask += all ? 1 : 0x1235) list.push_back({mask, false});
    list.push_back({0xffff, false});
    for (std::uint32_t i = 0; i < 64; ++i) list.push_back({i * 0x9e3779b9u, true});
    return list;
  }

  std::uint16_t after(std::uint16_t position) const {
    const auto number = static_cast<std::uint16_t>(position & ~kParity);
    if (number == kWaiting) return position & kParity;
    if (number < model.units) return static_cast<std::uint16_t>(position + 1);
    return static_cast<std::uint16_t>(((position & kParity) ^ kParity) | kWaiting);
  }

  /// From a torn state recovery says one of the two positions, and says the same when its own writes are cut.
  void check_recovery(std::uint16_t before, const std::vector<Tear>& second) { check_recovery(before, after(before), second); }
  void check_recovery(std::uint16_t before, std::uint16_t next, const std::vector<Tear>& second) {
    const Model::Image torn = model.image();
    std::uint16_t found = 0;
    ASSERT_EQ(model.recover(found), kResumed) << before;
    ASSERT_TRUE(found == before || found == next) << before << " became " << found;
    for (int write = 0; write < 16; ++write) {
      for (const Tear& tear : second) {
        model.load(torn);
        std::uint16_t ignored = 0, again = 0;
        if (!model.cut(write, tear, [&] { model.recover(ignored); })) return;
        ASSERT_EQ(model.recover(again), kResumed) << before;
        ASSERT_EQ(again, found) << "recovery changed its mind about " << before;
      }
    }
  }

  TestFolder folder;
  Model model;
};

TEST_P(RecoveryModel, EveryCutOfEveryCommit) {
  std::uint16_t position = 0;
  ASSERT_EQ(model.recover(position), kOtherBuild);
  ASSERT_EQ(position, kWaiting);
  const std::vector<Tear> few = tears(false);
  // Both parities, all positions, and around to the first again.
  for (int step = 0; step < 2 * (model.units + 2) + 2; ++step) {
    const Model::Image before = model.image();
    const std::uint16_t from = position;
    // Every mixture where low and high byte change together.
    const bool edge = from % 64 == 63 || (from & 0x7fff) == kWaiting || (from & 0x7fff) == model.units || (from & 0xff) == 0xff;
    const std::vector<Tear> first = words() && edge ? tears(step < 400) : few;
    for (int write = 0; write < 16; ++write) {
      bool came = true;
      for (const Tear& tear : first) {
        model.load(before);
        std::uint16_t working = from;
        came = model.cut(write, tear, [&] { model.commit(working); });
        if (!came) break;
        check_recovery(from, first.size() > few.size() ? std::vector<Tear>{{0, false}, {0xff, false}} : few);
        if (HasFatalFailure()) return;
      }
      if (!came) break;
    }
    model.load(before);
    model.commit(position);
    ASSERT_EQ(position, after(from));
    std::uint16_t found = 0;
    ASSERT_EQ(model.recover(found), kResumed);
    ASSERT_EQ(found, position);
  }
}

TEST_P(RecoveryModel, EveryCutOfDecidingToStop) {
  // Units whose numbers share the low byte, the high byte or neither with the end, at both ends of the range.
  model.decisions = {0, 1, 43, 44, 45, 127, 128, 255, 256, 257, 298, 299};
  std::uint16_t position = 0;
  ASSERT_EQ(model.recover(position), kOtherBuild);
  for (int step = 0; step < 2 * (model.units + 2); ++step) {
    const std::uint16_t from = position;
    const auto number = static_cast<std::uint16_t>(from & ~kParity);
    const Model::Image before = model.image();
    if (std::find(model.decisions.begin(), model.decisions.end(), number) != model.decisions.end()) {
      const auto end = static_cast<std::uint16_t>((from & kParity) | model.units);
      for (const bool stop : {true, false}) {
        bool came = true;
        for (int write = 0; write < 16 && came; ++write) {
          for (const Tear& tear : tears(false)) {
            model.load(before);
            std::uint16_t working = from;
            came = model.cut(write, tear, [&] { stop ? model.commit_end(working) : model.commit(working); });
            if (!came) break;
            check_recovery(from, stop ? end : after(from), tears(false));
            if (HasFatalFailure()) return;
          }
        }
      }
      model.load(before);
      std::uint16_t working = from, found = 0;
      model.commit_end(working);
      ASSERT_EQ(working, end);
      ASSERT_EQ(model.recover(found), kResumed);
      ASSERT_EQ(found, end);
      model.load(before);
    }
    model.commit(position);
  }
}

TEST_P(RecoveryModel, NothingButADecisionEndsEarly) {
  if (GetParam() == std::string("fram")) GTEST_SKIP() << "one slot alone: only what is out of range can be seen";
  model.decisions = {44};
  std::uint16_t position = 0;
  model.recover(position);
  const std::size_t slot = model.progress_bytes / 2;
  // Slots that hold a position and the end: only a decision, or the last unit, leads from the one to the other.
  Model::Image end;
  for (std::uint16_t step = 0; step <= model.units + 1; ++step) {
    if ((position & ~kParity) == model.units) end = model.image();
    model.commit(position);
  }
  std::uint16_t ignored = 0;
  model.load(Model::Image(end.size(), 0));
  model.recover(ignored);
  position = ignored;
  for (std::uint16_t unit = 0; unit < model.units; ++unit) {
    model.commit(position);
    const Model::Image here = model.image();
    std::memcpy(model.kept, end.data(), slot);
    std::uint16_t found = 0;
    const bool possible = unit == 44 || unit + 1 == model.units;
    ASSERT_EQ(model.recover(found), possible ? kResumed : kCorrupted) << unit;
    model.load(here);
  }
}

TEST_P(RecoveryModel, EveryCutOfStartingOver) {
  // Blank memory, memory of ones, memory of another build, and a damaged record of this one.
  std::uint16_t position = 0;
  model.recover(position);
  for (int i = 0; i < 5; ++i) model.commit(position);
  const Model::Image working = model.image();
  Model::Image blank(working.size(), 0), ones(working.size(), 0xff), other = working, damaged = working;
  other[model.progress_bytes <= 2 ? 2 : model.progress_bytes] ^= 0xff;
  other[(model.progress_bytes <= 2 ? 2 : model.progress_bytes) + 1] ^= 0xff;
  for (std::size_t i = 0; i < model.progress_bytes; ++i) damaged[i] = 0x33;
  for (const Model::Image& start : {blank, ones, other, damaged}) {
    for (int write = 0; write < 64; ++write) {
      bool came = true;
      for (const Tear& tear : tears(false)) {
        model.load(start);
        std::uint16_t found = 0;
        came = model.cut(write, tear, [&] { model.recover(found); });
        if (!came) break;
        const int says = model.recover(found);
        ASSERT_EQ(found, kWaiting);
        // It ends; and what it did it says, unless it was complete.
        ASSERT_EQ(model.recover(found), kResumed) << says;
        ASSERT_EQ(found, kWaiting);
      }
      if (!came) break;
    }
  }
}

TEST_P(RecoveryModel, DamageToOneSlot) {
  if (GetParam() == std::string("fram")) GTEST_SKIP() << "one slot alone: only what is out of range can be seen";
  std::uint16_t position = 0;
  model.recover(position);
  const std::size_t slot = model.progress_bytes / 2;
  for (int step = 0; step < 2 * (model.units + 2); ++step, model.commit(position)) {
    const Model::Image good = model.image();
    const auto check = [&](const std::function<void()>& damage) {
      model.load(good);
      damage();
      std::uint16_t found = 0;
      const int says = model.recover(found);
      if (says == kResumed) {
        ASSERT_EQ(found, position);
      } else {
        ASSERT_EQ(says, kCorrupted);
        ASSERT_EQ(found, kWaiting);
      }
    };
    for (std::size_t i = 0; i < model.progress_bytes; ++i) {
      for (int flip = 1; flip < 256; flip += step % 16 == 0 ? 1 : 37) {
        check([&] { model.kept[i] = static_cast<std::uint8_t>(good[i] ^ flip); });
        if (HasFatalFailure()) return;
      }
    }
    RandomStream random(1, static_cast<std::uint64_t>(step));
    for (int k = 0; k < 200; ++k) {
      check([&] {
        const std::size_t base = random.below(2) * slot;
        for (std::size_t i = 0; i < slot; ++i) model.kept[base + i] = static_cast<std::uint8_t>(random.next() >> 56);
      });
      if (HasFatalFailure()) return;
    }
    model.load(good);
  }
}

INSTANTIATE_TEST_SUITE_P(Nvm, RecoveryModel, testing::Values("fram", "bytes", "words"));

}  // namespace
}  // namespace mj
