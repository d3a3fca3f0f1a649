/* SPDX-License-Identifier: MIT-0 */
/* MJ_LAYER(i) is a label in the machine code before layer i, for who measures: no instruction, and only where
   MJ_LAYER_LABELS is defined. */
#ifndef MJ_LAYER_H
#define MJ_LAYER_H

#if defined(MJ_LAYER_LABELS) && defined(__GNUC__)
#define MJ_LAYER(i) __asm__ volatile(".globl mj_layer_" #i "\nmj_layer_" #i ":" ::: "memory")
#else
#define MJ_LAYER(i) ((void)0)
#endif

#endif
