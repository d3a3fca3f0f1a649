/* SPDX-License-Identifier: MIT-0 */
/* What the program needs from its board. board.c serves an emulator; write your own for yours. */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

/* Puts the next input of `bytes` bytes at `to`; 0 when there is none. */
int board_read(int8_t* to, size_t bytes);

/* Takes an output. */
void board_write(const int8_t* from, size_t bytes);

/* Ends the program; the start-up code calls it with what main returned. */
void board_exit(int code);

#endif
