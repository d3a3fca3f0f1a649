#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints the tables of docs/encodings.md: bytes per element, and cycles under mspdebug's simulator. Needs clang, lld and
# mspdebug, and a build folder configured with -DMJ_TESTS=ON.
# usage: scripts/results/encodings.sh BUILD_FOLDER
set -e
build=${1:?usage: $0 BUILD_FOLDER}
cmake --build "$build" --target encodings >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$(find "$build" -type f -name encodings -perm -u+x | head -n 1)" "$work"
