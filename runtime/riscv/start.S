# SPDX-License-Identifier: MIT-0
# Start-up of a 32-bit RISC-V in machine mode: traps, stack, data, zeros, main. The stack lies at the bottom of RAM, so one
# that overflows faults.
    .section .init, "ax"
    .globl _start
_start:
    la    t0, trap
    csrw  mtvec, t0
    la    sp, mj_stack_top
    la    a0, mj_data_load
    la    a1, mj_data_start
    la    a2, mj_data_end
1:  bgeu  a1, a2, 2f
    lw    t0, 0(a0)
    sw    t0, 0(a1)
    addi  a0, a0, 4
    addi  a1, a1, 4
    j     1b
2:  la    a1, mj_bss_start
    la    a2, mj_bss_end
3:  bgeu  a1, a2, 4f
    sw    zero, 0(a1)
    addi  a1, a1, 4
    j     3b
4:  call  main
    call  board_exit
    .balign 4
trap:
    csrr  a0, mepc
    mv    a1, sp
    csrr  a2, mcause
    la    sp, mj_stack_top
    call  board_fault

# The three instructions that mark a semihosting call must be uncompressed and on one page.
    .globl riscv_semihosting
    .option push
    .option norvc
    .balign 16
riscv_semihosting:
    slli  x0, x0, 0x1f
    ebreak
    srai  x0, x0, 7
    ret
    .option pop
