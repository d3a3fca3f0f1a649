#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compresses the networks of docs/results/compression.md to a row of budgets, by our method and the baselines, and prints the table
# of the curve; what is there is not made again, and an interrupted run goes on. With OUT_DIR alone the table of what is there.
# TEACHER: whom all but SparseComp learn from, e.g. models/plain6_cifar10.onnx; the network as it was where there is none.
# usage: [EPOCHS=N] [VIEWS=N] [LIMITS=...] [METHODS=...] [THREADS=N] [PRECISION=bfloat16] [TEACHER=FILE] scripts/results/compression.sh [MILLIJOULE FREEML_CIFAR10_M.onnx RESNET20_CIFAR10.onnx CIFAR10_DIR] OUT_DIR
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
epochs=${EPOCHS:-40} views=${VIEWS:-6} threads=${THREADS:-0} precision=${PRECISION:-float32} teacher=${TEACHER:-}
limits=${LIMITS:-8kB 16kB 24kB 25360B 32kB 64kB 128kB} methods=${METHODS:-ours sparsecomp qat8 qat4}
case $# in
  1) program= out=$1 ;;
  5) program=$1 freeml=$2 resnet=$3 cifar=$4 out=$5 ;;
  *) sed -n '6s/^# //p' "$0" >&2; exit 2 ;;
esac
mkdir -p "$out"

compress() {  # name, model, then options
  local name=$1 model=$2; shift 2
  [ ! -s "$out/$name.json" ] && [ ! -s "$out/$name.refused" ] || return 0
  echo "$name" >&2
  if "$program" compress "$model" --data "cifar10:$cifar" --crop 2 --flip --views "$views" --epochs "$epochs" --lr 0.05 --batch 130 \
      --threads "$threads" --precision "$precision" --scale 0.00392156862745098 --resume -o "$out/$name.onnx" --json "$out/$name.part" "$@" \
      > "$out/$name.txt" 2> "$out/$name.log"; then
    sha256sum "$out/$name.onnx" >> "$out/$name.txt"
    mv "$out/$name.part" "$out/$name.json"
  else
    tail -n 1 "$out/$name.log" | tee "$out/$name.refused" >&2  # a budget the method cannot meet
  fi
  rm -rf "$out/$name.onnx.work"
}

if [ -n "$program" ]; then
  sha256sum "$freeml" "$resnet"
  for limit in $limits; do
    for method in $methods; do
      better=()
      if [ -n "$teacher" ] && [ "$method" != sparsecomp ]; then better=(--teacher "$teacher"); fi
      compress "freeml-$method-$limit" "$freeml" --nvm "$limit" --method "$method" "${better[@]}"
    done
  done
  compress resnet20-ours-54kB "$resnet" --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --nvm 54kB
fi

# network, method, exported bytes, validation and test accuracy, energy of an inference
for file in "$out"/*-*-*.json; do
  [ -s "$file" ] || continue
  awk -v name="$(basename "$file" .json)" '
    /^  "[a-z_]+": / { key = $1; gsub(/[":]/, "", key); value = $2; sub(/,$/, "", value); found[key] = value }
    END { split(name, part, "-"); print part[1], part[2], part[3], found["exported_bytes"], found["validation_accuracy"], found["accuracy"],
                found["energy_j"], found["n"] }' "$file"
done > "$out/compressed.txt"
awk -v plot="$out/compression.svg" -f "$here/compression_curve.awk" "$out/compressed.txt"
