; SPDX-License-Identifier: MIT-0
; What clang --target=msp430 calls but no library of its provides: products, quotients, 32-bit shifts, memcpy, memset.
; MSP430 EABI (SLAA534): values in r12..r15, the first in r12 or r12:r13; r11..r15 need not be kept.
; With -DMJ_MPY_BASE=... the multiplier at another place than that of the FR59xx is used.
#ifndef MJ_MPY_BASE
#define MJ_MPY_BASE 0x04C0
#endif
#define MPY   MJ_MPY_BASE + 0
#define MAC   MJ_MPY_BASE + 4
#define OP2   MJ_MPY_BASE + 8
#define RESLO MJ_MPY_BASE + 10
#define RESHI MJ_MPY_BASE + 12

.macro function name
    .section .text.\name, "ax", @progbits
    .globl \name
    .type \name, @function
\name:
.endm

function __mspabi_mpyi
    mov   r12, &MPY
    mov   r13, &OP2
    mov   &RESLO, r12
    ret

; low * low + ((high * low + low * high) << 16)
function __mspabi_mpyl
    mov   r12, &MPY
    mov   r14, &OP2
    mov   r12, &MAC
    mov   &RESLO, r12
    mov   &RESHI, &RESLO
    mov   r15, &OP2
    mov   r13, &MAC
    mov   r14, &OP2
    mov   &RESLO, r13
    ret

; r12:r13 shifted right arithmetically by r14: whole bytes first.
function __mspabi_sral
    cmp   #16, r14
    jlo   1f
    mov   r13, r12
    tst   r13
    mov   #0, r13
    jge   5f
    mov   #-1, r13
5:  sub   #16, r14
1:  cmp   #8, r14
    jlo   2f
    swpb  r12
    mov.b r12, r12
    mov.b r13, r15
    swpb  r15
    bis   r15, r12
    swpb  r13
    sxt   r13
    sub   #8, r14
2:  tst   r14
    jz    4f
3:  rra   r13
    rrc   r12
    dec   r14
    jnz   3b
4:  ret

function __mspabi_srll
    tst   r14
    jz    4f
3:  clrc
    rrc   r13
    rrc   r12
    dec   r14
    jnz   3b
4:  ret

; left
function __mspabi_slll
    cmp   #16, r14
    jlo   2f
    mov   r12, r13
    clr   r12
    sub   #16, r14
2:  tst   r14
    jz    4f
3:  rla   r12
    rlc   r13
    dec   r14
    jnz   3b
4:  ret

; r12 / r13 in r12, remainder in r14
    .section .text.mj_divide16, "ax", @progbits
    .type mj_divide16, @function
mj_divide16:
    clr   r14
    mov   #16, r15
1:  rla   r12
    rlc   r14
    jc    2f
    cmp   r13, r14
    jlo   3f
2:  sub   r13, r14
    inc   r12
3:  dec   r15
    jnz   1b
    ret
    .globl __mspabi_divu
    .type __mspabi_divu, @function
__mspabi_divu:
    jmp   mj_divide16
    .globl __mspabi_remu
    .type __mspabi_remu, @function
__mspabi_remu:
    call  #mj_divide16
    mov   r14, r12
    ret
    .globl __mspabi_divi
    .type __mspabi_divi, @function
__mspabi_divi:
    mov   r12, r11
    xor   r13, r11          ; its sign is the quotient's
    tst   r12
    jge   4f
    inv   r12
    inc   r12
4:  tst   r13
    jge   5f
    inv   r13
    inc   r13
5:  call  #mj_divide16
    tst   r11
    jge   6f
    inv   r12
    inc   r12
6:  ret
    .globl __mspabi_remi
    .type __mspabi_remi, @function
__mspabi_remi:
    mov   r12, r11          ; its sign is the remainder's
    tst   r12
    jge   7f
    inv   r12
    inc   r12
7:  tst   r13
    jge   8f
    inv   r13
    inc   r13
8:  call  #mj_divide16
    mov   r14, r12
    tst   r11
    jge   9f
    inv   r12
    inc   r12
9:  ret

; r12:r13 / r14:r15 in r12:r13, remainder in r14:r15
    .section .text.mj_divide32, "ax", @progbits
    .type mj_divide32, @function
mj_divide32:
    push  r10
    push  r9
    clr   r9
    clr   r10
    mov   #32, r11
1:  rla   r12
    rlc   r13
    rlc   r9
    rlc   r10
    jc    2f
    cmp   r15, r10
    jlo   3f
    jne   2f
    cmp   r14, r9
    jlo   3f
2:  sub   r14, r9
    subc  r15, r10
    inc   r12
3:  dec   r11
    jnz   1b
    mov   r9, r14
    mov   r10, r15
    pop   r9
    pop   r10
    ret
    .globl __mspabi_divul
    .type __mspabi_divul, @function
__mspabi_divul:
    jmp   mj_divide32
    .globl __mspabi_remul
    .type __mspabi_remul, @function
__mspabi_remul:
    call  #mj_divide32
    mov   r14, r12
    mov   r15, r13
    ret
    .type mj_magnitudes32, @function
mj_magnitudes32:
    tst   r13
    jge   4f
    inv   r12
    inv   r13
    inc   r12
    adc   r13
4:  tst   r15
    jge   5f
    inv   r14
    inv   r15
    inc   r14
    adc   r15
5:  ret
    .globl __mspabi_divli
    .type __mspabi_divli, @function
__mspabi_divli:
    push  r13
    xor   r15, 0(r1)        ; its sign is the quotient's
    call  #mj_magnitudes32
    call  #mj_divide32
    tst   0(r1)
    jge   6f
    inv   r12
    inv   r13
    inc   r12
    adc   r13
6:  incd  r1
    ret
    .globl __mspabi_remli
    .type __mspabi_remli, @function
__mspabi_remli:
    push  r13               ; its sign is the remainder's
    call  #mj_magnitudes32
    call  #mj_divide32
    mov   r14, r12
    mov   r15, r13
    tst   0(r1)
    jge   7f
    inv   r12
    inv   r13
    inc   r12
    adc   r13
7:  incd  r1
    ret

; Whole words where address and count allow it: windows are filled with zeros.
function memset
    mov   r12, r15
    mov   r12, r11
    bis   r14, r11
    bit   #1, r11
    jnz   3f
    mov.b r13, r13
    mov   r13, r11
    swpb  r11
    bis   r11, r13
    clrc
    rrc   r14
    jz    2f
1:  mov   r13, 0(r15)
    incd  r15
    dec   r14
    jnz   1b
2:  ret
3:  tst   r14
    jz    2b
4:  mov.b r13, 0(r15)
    inc   r15
    dec   r14
    jnz   4b
    ret

function memcpy
    mov   r12, r15
    tst   r14
    jz    2f
1:  mov.b @r13+, r11
    mov.b r11, 0(r15)
    inc   r15
    dec   r14
    jnz   1b
2:  ret
