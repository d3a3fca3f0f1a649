// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/qemu_plugin.h"

namespace mj {

// Debian packages no qemu-plugin.h: the functions used are declared here (plugin API version 1, QEMU 4.2 to 8.x).
const char* const kQemuPluginSource = R"~~~(/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts every instruction, notes the count at given addresses, finds the lowest store to the stack, and ends the run at a
 * limit or, as a power cut does, before a given instruction.
 * Arguments: out=OUT limit=N cut=N guard=A top=A mark=A mark=A ... Answers go to OUT, one a line.
 *
 * For power cuts also: read=A write=A done=0|1 ends the run when it comes to `read` after `write`, or at once when done=1.
 * nvm=FILE offset=N base=A bytes=N names non-volatile memory, as a part of the file behind it. With states=FILE from=N until=N
 * its content is written to FILE before instruction `from` and before every further one that finds it changed, each time
 * behind the count of instructions (64 bits); before instruction `until` the run ends.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*exec_callback)(unsigned, void*);
typedef void (*memory_callback)(unsigned, uint32_t, uint64_t, void*);

EXPORT int qemu_plugin_version = 1;
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb*));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb*, exec_callback, int, void*);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb*);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb*);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb*, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn*);
const void* qemu_plugin_insn_data(const struct qemu_plugin_insn*);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn*);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn*, int, void*, uint64_t);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn*, exec_callback, int, void*);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn*, memory_callback, int, int, void*);
void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void*), void*);

enum { kMarks = 4096, kPassages = 100000, kWrites = 2 };
static uint64_t count, limit, cut, guard, top, lowest;
static uint64_t marks[kMarks];
static struct { uint64_t address, count; } passages[kPassages];
static size_t n_marks, n_passages;
static FILE* out;

static uint64_t read_at = UINT64_MAX, write_at = UINT64_MAX, done;
static uint64_t offset, base, bytes, from, until;
static const char* nvm_file;
static const unsigned char* nvm;
static unsigned char* last;
static int changed = 1;
static FILE* states;

static void report(void) {
  size_t i;
  for (i = 0; i < n_passages; ++i) {
    fprintf(out, "passage %" PRIu64 " %" PRIu64 "\n", passages[i].address, passages[i].count);
  }
  fprintf(out, "stack %" PRIu64 "\ninstructions %" PRIu64 "\n", lowest, count);
  fclose(out);
}

static void check_limit(unsigned cpu, void* address) {
  (void)cpu;
  if (count >= limit) {
    fprintf(out, "limit %" PRIu64 "\n", (uint64_t)(uintptr_t)address);
    report();
    _exit(0);
  }
}

static void end_of_run(const char* why) {
  fprintf(out, "%s %" PRIu64 "\n", why, count);
  report();
  if (states != NULL) {
    fclose(states);
  }
  _exit(0);
}

static void check_cut(unsigned cpu, void* data) {
  (void)cpu;
  (void)data;
  if (count == cut) {
    end_of_run("cut");
  }
}

/* Before an instruction: what a power cut here would leave. */
static void check_state(unsigned cpu, void* data) {
  (void)cpu;
  (void)data;
  if (count < from) {
    return;
  }
  if (count >= until) {
    end_of_run("until");
  }
  if (changed || count == from) {
    changed = 0;
    if (count == from || memcmp(last, nvm, bytes) != 0) {
      memcpy(last, nvm, bytes);
      fwrite(&count, sizeof count, 1, states);
      fwrite(last, 1, bytes, states);
    }
  }
}

/* The debugger writes to memory unseen. */
static void semihosting(unsigned cpu, void* data) {
  (void)cpu;
  (void)data;
  changed = 1;
}

static void reads(unsigned cpu, void* data) {
  (void)cpu;
  (void)data;
  if (done) {
    end_of_run("done");
  }
}

static void writes(unsigned cpu, void* data) {
  (void)cpu;
  (void)data;
  done = 1;
}

static void pass(unsigned cpu, void* address) {
  (void)cpu;
  if (n_passages < kPassages) {
    passages[n_passages].address = (uint64_t)(uintptr_t)address;
    passages[n_passages++].count = count;
  }
}

static void stored(unsigned cpu, uint32_t info, uint64_t address, void* data) {
  (void)cpu;
  (void)info;
  (void)data;
  if (address >= guard && address < top && address < lowest) {
    lowest = address;
  }
  if (address - base < bytes) {
    changed = 1;
  }
}

static void translated(plugin_id id, struct qemu_plugin_tb* block) {
  const size_t n = qemu_plugin_tb_n_insns(block);
  size_t i, k;
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_cb(block, check_limit, 0, (void*)(uintptr_t)qemu_plugin_tb_vaddr(block));
  for (i = 0; i < n; ++i) {
    struct qemu_plugin_insn* instruction = qemu_plugin_tb_get_insn(block, i);
    const uint64_t address = qemu_plugin_insn_vaddr(instruction);
    if (address == read_at) {
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, reads, 0, NULL);
    }
    if (address == write_at) {
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, writes, 0, NULL);
    }
    for (k = 0; k < n_marks; ++k) {
      if (marks[k] == address) {
        qemu_plugin_register_vcpu_insn_exec_cb(instruction, pass, 0, (void*)(uintptr_t)address);
      }
    }
    if (cut != 0) {
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, check_cut, 0, NULL);
    } else {
      qemu_plugin_register_vcpu_mem_cb(instruction, stored, 0, kWrites, NULL);
    }
    if (states != NULL) {
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, check_state, 0, NULL);
      if (qemu_plugin_insn_size(instruction) == 2 && memcmp(qemu_plugin_insn_data(instruction), "\xab\xbe", 2) == 0) {
        qemu_plugin_register_vcpu_insn_exec_cb(instruction, semihosting, 0, NULL);
      }
    }
    qemu_plugin_register_vcpu_insn_exec_inline(instruction, 0, &count, 1);
  }
}

static void finished(plugin_id id, void* data) {
  (void)id;
  (void)data;
  report();
}

EXPORT int qemu_plugin_install(plugin_id id, const void* info, int argc, char** argv) {
  int i;
  (void)info;
  limit = UINT64_MAX;
  for (i = 0; i < argc; ++i) {
    const char* value = strchr(argv[i], '=');
    if (value == NULL) {
      return 1;
    }
    ++value;
    if (strncmp(argv[i], "out=", 4) == 0) {
      out = fopen(value, "w");
    } else if (strncmp(argv[i], "limit=", 6) == 0) {
      limit = strtoull(value, NULL, 0);
    } else if (strncmp(argv[i], "cut=", 4) == 0) {
      cut = strtoull(value, NULL, 0);
    } else if (strncmp(argv[i], "guard=", 6) == 0) {
      guard = strtoull(value, NULL, 0);
    } else if (strncmp(argv[i], "top=", 4) == 0) {
      lowest = top = strtoull(value, NULL, 0);
    } else if (strncmp(argv[i], "read=", 5) == 0) {
      read_at = strtoull(value, NULL, 0);
    } else if (strncmp(argv[i], "write=", 6) == 0) {
      write_at = strtoull(value, NULL, 0);
    } else if (strncmp(argv[i], "done=", 5) == 0) {
      done = strtoull(value, NULL, 0);
    } else if (strncmp(argv[i], "nvm=", 4) == 0) {
      nvm_file = value;
    } else if (strncmp(argv[i], "offset=", 7) == 0) {
      offset = strtoull(value, NULL, 0);
    } else if (strncmp(argv[i], "base=", 5) == 0) {
      base = strtoull(value, NULL, 0);
    } else if (strncmp(argv[i], "bytes=", 6) == 0) {
      bytes = strtoull(value, NULL, 0);
    } else if (strncmp(argv[i], "states=", 7) == 0) {
      states = fopen(value, "w");
    } else if (strncmp(argv[i], "from=", 5) == 0) {
      from = strtoull(value, NULL, 0);
    } else if (strncmp(argv[i], "until=", 6) == 0) {
      until = strtoull(value, NULL, 0);
    } else if (strncmp(argv[i], "mark=", 5) == 0 && n_marks < kMarks) {
      marks[n_marks++] = strtoull(value, NULL, 0);
    } else {
      return 1;
    }
  }
  if (out == NULL) {
    return 1;
  }
  if (states != NULL) {
    const int file = open(nvm_file != NULL ? nvm_file : "", O_RDONLY);
    void* mapped = file < 0 ? MAP_FAILED : mmap(NULL, offset + bytes, PROT_READ, MAP_SHARED, file, 0);
    last = malloc(bytes);
    if (mapped == MAP_FAILED || last == NULL) {
      return 1;
    }
    nvm = (const unsigned char*)mapped + offset;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, finished, NULL);
  return 0;
}
)~~~";

}  // namespace mj
