// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/qemu_plugin.h"

namespace mj {

// Debian packages no qemu-plugin.h: the functions used are declared here (plugin API version 1, QEMU 4.2 to 8.x).
const char* const kQemuPluginSource = R"~~~(/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts every instruction, notes the count at given addresses, finds the lowest store to the stack, and ends the run at a
 * limit or, as a power cut does, before a given instruction.
 * Arguments: out=OUT limit=N cut=N guard=A top=A mark=A mark=A ... Answers go to OUT, one a line.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static void check_cut(unsigned cpu, void* data) {
  (void)cpu;
  (void)data;
  if (count == cut) {
    fprintf(out, "cut %" PRIu64 "\n", count);
    report();
    _exit(0);
  }
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
}

static void translated(plugin_id id, struct qemu_plugin_tb* block) {
  const size_t n = qemu_plugin_tb_n_insns(block);
  size_t i, k;
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_cb(block, check_limit, 0, (void*)(uintptr_t)qemu_plugin_tb_vaddr(block));
  for (i = 0; i < n; ++i) {
    struct qemu_plugin_insn* instruction = qemu_plugin_tb_get_insn(block, i);
    const uint64_t address = qemu_plugin_insn_vaddr(instruction);
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
    } else if (strncmp(argv[i], "mark=", 5) == 0 && n_marks < kMarks) {
      marks[n_marks++] = strtoull(value, NULL, 0);
    } else {
      return 1;
    }
  }
  if (out == NULL) {
    return 1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, finished, NULL);
  return 0;
}
)~~~";

}  // namespace mj
