#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Measures the emitted kernels under mspdebug's simulator and writes docs/results/msp430_cost_lines.md, from which the cost
# lines of platforms/msp430fr5994.toml are taken. Needs clang, lld and mspdebug, and a build folder configured with
# -DMJ_TESTS=ON. Takes some minutes. With a kernel's name only that one is measured, and printed.
# usage: scripts/results/msp430_cost_lines.sh BUILD_FOLDER [KERNEL]
set -e
build=${1:?usage: $0 BUILD_FOLDER [KERNEL]}
cmake --build "$build" --target msp430_cost_lines >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
program=$(find "$build" -type f -name msp430_cost_lines -perm -u+x | head -n 1)
if [ -n "$2" ]; then
  "$program" "$work/run" "$2"
  exit
fi
"$program" "$work/run" > "$work/lines"
result=$(dirname "$0")/../../docs/results/msp430_cost_lines.md
mkdir -p "$(dirname "$result")"
{
  cat <<'EOF'
# Cost lines of the MSP430FR5994, from counted instructions

Each shape is one emitted network, run under `mspdebug sim`: instructions are counted by the simulator, cycles are those
that the manual (SLAU367) gives for the addressing modes of every instruction executed. A line is fitted by least squares of
relative errors, without negative terms; the error is the worst over the shapes fitted.

Made by `scripts/results/msp430_cost_lines.sh BUILD_FOLDER`.

```toml
EOF
  cat "$work/lines"
  echo '```'
} > "$work/result"
mv "$work/result" "$result"
