/* SPDX-License-Identifier: MIT-0 */
/*
 * A board that is an emulator or a debugger with semihosting: inputs come from the file input.bin, outputs go to
 * output.bin. Specification: Arm, "Semihosting for AArch32 and AArch64", and "RISC-V Semihosting".
 */
#include "board.h"

#define SYS_OPEN 0x01
#define SYS_WRITE0 0x04
#define SYS_WRITE 0x05
#define SYS_READ 0x06
#define SYS_EXIT_EXTENDED 0x20
#define APPLICATION_EXIT 0x20026u
#define READ_BYTES 1u  /* "rb" */
#define WRITE_BYTES 5u /* "wb" */
#define NO_FILE 0xffffffffu

#if defined(__riscv)
uint32_t riscv_semihosting(uint32_t operation, const void* block); /* in start.S */
#endif

static uint32_t semihosting(uint32_t operation, const void* block) {
#if defined(__riscv)
  return riscv_semihosting(operation, block);
#else
  register uint32_t r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = block;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
#endif
}

static uint32_t address(const void* p) { return (uint32_t)(uintptr_t)p; }

static uint32_t opened(const char* name, uint32_t length, uint32_t mode) {
  uint32_t block[3];
  block[0] = address(name);
  block[1] = mode;
  block[2] = length;
  return semihosting(SYS_OPEN, block);
}

int board_read(int8_t* to, size_t bytes) {
  static uint32_t file = NO_FILE;
  uint32_t block[3];
  if (file == NO_FILE) {
    file = opened("input.bin", 9, READ_BYTES);
  }
  block[0] = file;
  block[1] = address(to);
  block[2] = (uint32_t)bytes;
  return file != NO_FILE && semihosting(SYS_READ, block) == 0; /* bytes that are missing */
}

void board_write(const int8_t* from, size_t bytes) {
  static uint32_t file = NO_FILE;
  uint32_t block[3];
  if (file == NO_FILE) {
    file = opened("output.bin", 10, WRITE_BYTES);
  }
  block[0] = file;
  block[1] = address(from);
  block[2] = (uint32_t)bytes;
  if (file == NO_FILE || semihosting(SYS_WRITE, block) != 0) {
    board_exit(3);
  }
}

void board_exit(int code) {
  uint32_t block[2];
  block[0] = APPLICATION_EXIT;
  block[1] = (uint32_t)code;
  semihosting(SYS_EXIT_EXTENDED, block);
  for (;;) {
  }
}

static char* hexadecimal(char* to, uint32_t value) {
  int digit;
  for (digit = 28; digit >= 0; digit -= 4) {
    *to++ = "0123456789abcdef"[(value >> digit) & 15u];
  }
  return to;
}

/* The start-up code's handlers come here: says where, and ends. */
void board_fault(uint32_t pc, uint32_t sp, uint32_t cause) {
  static char text[] = "mj-fault pc=00000000 sp=00000000 cause=00000000\n";
  hexadecimal(text + 12, pc);
  hexadecimal(text + 24, sp);
  hexadecimal(text + 39, cause);
  semihosting(SYS_WRITE0, text);
  board_exit(99);
}
