/* SPDX-License-Identifier: MIT-0 */
/* Start-up of a Cortex-M: data, zeros, main. The stack lies at the bottom of RAM, so one that overflows faults. */
#include "board.h"

extern uint32_t mj_data_load[], mj_data_start[], mj_data_end[], mj_bss_start[], mj_bss_end[], mj_stack_limit[], mj_stack_top[];

int main(void);
void board_fault(uint32_t pc, uint32_t sp, uint32_t cause);
void reset_handler(void);
void fault_handler(void);
void report_fault(const uint32_t* frame);

void reset_handler(void) {
  const uint32_t* from = mj_data_load;
  uint32_t* to;
  for (to = mj_data_start; to < mj_data_end; ++to) {
    *to = *from++;
  }
  for (to = mj_bss_start; to < mj_bss_end; ++to) {
    *to = 0;
  }
#if defined(__ARM_FEATURE_MVE)
  *(volatile uint32_t*)0xE000ED88 |= 0x00F00000u; /* CPACR: the vector registers */
  __asm__ volatile("dsb\n\tisb");
#endif
  board_exit(main());
}

/* The frame that the core pushed is at the stack pointer; go on with a fresh stack. */
__attribute__((naked)) void fault_handler(void) {
  __asm__ volatile("mov r0, sp\n\tldr r1, =mj_stack_top\n\tmov sp, r1\n\tldr r1, =report_fault\n\tbx r1");
}

__attribute__((used)) void report_fault(const uint32_t* frame) {
  const int whole = frame >= mj_stack_limit && frame + 8 <= mj_stack_top;
#if defined(__ARM_ARCH_6M__)
  const uint32_t cause = 0;
#else
  const uint32_t cause = *(volatile uint32_t*)0xE000ED28; /* CFSR */
#endif
  board_fault(whole ? frame[6] : 0, (uint32_t)(uintptr_t)frame, cause);
}

typedef void (*handler)(void);

__attribute__((section(".vectors"), used)) static const struct {
  uint32_t* stack;
  handler handlers[15];
} vectors = {mj_stack_top,
             {reset_handler, fault_handler, fault_handler, fault_handler, fault_handler, fault_handler, 0, 0, 0, 0,
              fault_handler, fault_handler, 0, fault_handler, fault_handler}};
