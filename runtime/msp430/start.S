; SPDX-License-Identifier: MIT-0
; Start-up for an MSP430 whose program fits the low 64 KB: stack, data, zeros, main; then it stays at _halt.
    .section .start,"ax",@progbits
    .globl _start
    .type _start,@function
_start:
    mov   #__stack_top, r1
    mov   #0x5a80, &0x015c  ; holds the watchdog
    mov   #__data_load, r14
    mov   #__data_start, r12
1:  cmp   #__data_end, r12
    jhs   2f
    mov   @r14+, r13
    mov   r13, 0(r12)
    incd  r12
    jmp   1b
2:  mov   #__bss_start, r12
3:  cmp   #__bss_end, r12
    jhs   4f
    clr   0(r12)
    incd  r12
    jmp   3b
4:  call  #main
    .globl _halt
    .type _halt,@function
_halt:
    jmp   _halt
    .section .vectors,"a",@progbits
    .fill 63, 2, 0xffff
    .word _start
