; SPDX-License-Identifier: Apache-2.0
; What the compiler calls: multiplication through the hardware multiplier at MPY_BASE, shifts by loops, memory.
    .text
    .globl __mspabi_mpyi, __mspabi_mpyi_hw, __mspabi_mpyl, __mspabi_mpyl_hw
__mspabi_mpyi:
__mspabi_mpyi_hw:
    mov   r12, &MPY_BASE
    mov   r13, &MPY_BASE+8
    mov   &MPY_BASE+10, r12
    ret
; r13:r12 times r15:r14: the low product, then both cross products into its high word
__mspabi_mpyl:
__mspabi_mpyl_hw:
    mov   r12, &MPY_BASE
    mov   r14, &MPY_BASE+8
    mov   r12, &MPY_BASE+4
    mov   &MPY_BASE+10, r12
    mov   &MPY_BASE+12, &MPY_BASE+10
    mov   r15, &MPY_BASE+8
    mov   r13, &MPY_BASE+4
    mov   r14, &MPY_BASE+8
    mov   &MPY_BASE+10, r13
    ret
    .globl __mspabi_slli, __mspabi_srli, __mspabi_srai, __mspabi_slll, __mspabi_srll, __mspabi_sral
__mspabi_slli:
    tst   r13
    jz    2f
1:  add   r12, r12
    dec   r13
    jnz   1b
2:  ret
__mspabi_srli:
    tst   r13
    jz    2f
1:  clrc
    rrc   r12
    dec   r13
    jnz   1b
2:  ret
__mspabi_srai:
    tst   r13
    jz    2f
1:  rra   r12
    dec   r13
    jnz   1b
2:  ret
__mspabi_slll:
    tst   r14
    jz    2f
1:  add   r12, r12
    addc  r13, r13
    dec   r14
    jnz   1b
2:  ret
__mspabi_srll:
    tst   r14
    jz    2f
1:  clrc
    rrc   r13
    rrc   r12
    dec   r14
    jnz   1b
2:  ret
__mspabi_sral:
    tst   r14
    jz    2f
1:  rra   r13
    rrc   r12
    dec   r14
    jnz   1b
2:  ret
    .globl memset, memcpy
memset:
    mov   r12, r15
1:  tst   r14
    jz    2f
    mov.b r13, 0(r15)
    inc   r15
    dec   r14
    jmp   1b
2:  ret
memcpy:
    mov   r12, r15
1:  tst   r14
    jz    2f
    mov.b @r13+, r11
    mov.b r11, 0(r15)
    inc   r15
    dec   r14
    jmp   1b
2:  ret
