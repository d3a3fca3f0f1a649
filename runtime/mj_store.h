/* SPDX-License-Identifier: MIT-0 */
/*
 * How kernels store what they compute: plainly, into memory that need not survive.
 *
 * Firmware that survives power cuts has another file of this name, the port of its non-volatile memory.
 */
#ifndef MJ_STORE_H
#define MJ_STORE_H

#include "mj_port.h"

#define mj_store_i8(to, value) ((void)(*(to) = (value)))
#define mj_store_bytes(to, from, n) ((void)memcpy((to), (from), (n)))

#endif
