#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds GNU sim's MSP430X, the tests' independent oracle for 20-bit instructions and MPY32, from Debian's package
# gdb-source. It is a tool of the tests alone and no part of what is installed. Takes about three minutes.
# usage: scripts/build_gnu_sim.sh BUILD_FOLDER      writes BUILD_FOLDER/gnu-sim/msp430_driver
set -e
build=$(mkdir -p "${1:?usage: $0 BUILD_FOLDER}" && cd "$1" && pwd)
tests=$(cd "$(dirname "$0")/../tests/unit/twin" && pwd)
archive=/usr/src/gdb.tar.xz
[ -f "$archive" ] || { echo "$0: $archive not found; install Debian's package gdb-source" >&2; exit 1; }
mkdir -p "$build/gnu-sim/objects"
cd "$build/gnu-sim"
if [ ! -f objects/sim/msp430/libsim.a ]; then
  tar xf "$archive"
  cd objects
  ../gdb/configure -q --target=msp430-elf --disable-gdb --disable-gdbserver --disable-gprofng --disable-binutils \
    --disable-ld --disable-gas --disable-gold --disable-nls --disable-werror --without-zstd MAKEINFO=true > configure.log 2>&1
  make -j"$(nproc)" all-sim MAKEINFO=true CFLAGS=-O2 > make.log 2>&1 || { tail -n 20 make.log >&2; exit 1; }
  cd ..
fi
cc -O2 -o msp430_driver "$tests/gnu_sim_driver.c" -Igdb/include -Iobjects/bfd -Iobjects/sim -Igdb/bfd \
  objects/sim/msp430/libsim.a objects/opcodes/libopcodes.a objects/bfd/.libs/libbfd.a objects/libiberty/libiberty.a \
  $(find objects/zlib -name libz.a) $(find objects/ -name libgnu.a -path '*gnulib*') -ldl -lm
echo "$build/gnu-sim/msp430_driver"
