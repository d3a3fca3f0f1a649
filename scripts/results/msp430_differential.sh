#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compares the MSP430X core with two other simulators over a million random instructions each, and writes
# docs/results/msp430_differential.md. Needs mspdebug, the program of scripts/build_gnu_sim.sh, and a build folder with
# test_twin. Takes some minutes.
# usage: scripts/results/msp430_differential.sh BUILD_FOLDER
set -e
build=${1:?usage: $0 BUILD_FOLDER}
work=$(mktemp)
trap 'rm -f "$work"' EXIT
MJ_MSP430_CASES=1000000 "$build/tests/test_twin" --gtest_filter='MspdebugDifferential.*:GnuSimDifferential.*' > "$work"
result=$(dirname "$0")/../../docs/results/msp430_differential.md
{
  cat <<'EOF'
# The MSP430X core against two independent simulators

Random instructions, operands, registers and memory; after every instruction all registers and flags are compared, and all
memory. `MspdebugDifferential` compares the classic instructions with `mspdebug sim`, `GnuSimDifferential` the whole
MSP430X with 20-bit registers and addresses and MPY32 with GNU sim. What is left out, and why, stands beside `comparable` in
`tests/unit/twin/mspdebug_differential_test.cc` and `gnu_sim_differential_test.cc`.

Made by `scripts/results/msp430_differential.sh BUILD_FOLDER`.

```
EOF
  grep -E '^\[ RUN|compared|seed|^\[  (PASSED|FAILED)' "$work"
  echo '```'
} > "$result.new"
mv "$result.new" "$result"
