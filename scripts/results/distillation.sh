#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Trains what scripts/results/distillation.txt lists and prints the tables of docs/results/distillation.md; what is there is
# not trained again, and an interrupted training goes on. Without MILLIJOULE only the tables of what is there are printed.
# usage: [JOBS=N] scripts/results/distillation.sh [MILLIJOULE CIFAR10_DIR CIFAR100_DIR] OUT_DIR
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
spec=${SPEC:-$here/distillation.txt}
jobs=${JOBS:-2}
case $# in
  1) program= out=$1 ;;
  4) program=$1 cifar10=$2 cifar100=$3 out=$4 ;;
  *) sed -n '5s/^# //p' "$0" >&2; exit 2 ;;
esac
mkdir -p "$out"
of() { awk -v key="$1" '$1 == key { $1 = ""; print substr($0, 2) }' "$spec"; }
seeds=$(of seeds) temperatures=$(of temperatures) alpha=$(of alpha) platform=$(of platform)

data() { case $1 in cifar10) echo "cifar10:$cifar10" ;; cifar100) echo "cifar100:$cifar100" ;; *) echo "$1" ;; esac; }
line_of() { { of pair; of anchor; } | grep "^$1 "; }
teacher_field() { of teacher | awk -v name="$1" -v i="$2" '$1 == name { print $i }'; }
teacher_file() { if [ "$(teacher_field "$1" 3)" = file ]; then echo "$root/$(teacher_field "$1" 4)"; else echo "$out/teacher-$1.onnx"; fi; }

# Commands are collected one a line, "NAME words...", and run $jobs at a time.
queue=()
run_queue() {
  [ ${#queue[@]} -gt 0 ] && printf '%s\n' "${queue[@]}" | xargs -P "$jobs" -d '\n' -n 1 bash -c '
    set -- $1; name=$1; shift
    [ -s "$name.json" ] && exit 0
    echo "$name" >&2
    "$@" --threads 1 --resume -o "$name.onnx" --json "$name.json" > "$name.txt" 2> "$name.log" || { tail -1 "$name.log" >&2; exit 255; }
    rm -rf "$name.onnx.work"' queue
  queue=()
}
# NAME PAIR STUDENT SEED, then options of distil
distil() {
  local name=$1 pair=$2 student=$3 seed=$4 teacher options; shift 4
  read -r _ teacher _ options < <(line_of "$pair")
  queue+=("$out/$name $program distil --teacher $(teacher_file "$teacher") --student $student --data $(data "$(teacher_field "$teacher" 2)") --lessons $out/lessons-$teacher-$seed --seed $seed $options $*")
}
# The same student without a teacher.
alone() {
  local name=$1 pair=$2 student=$3 seed=$4 teacher options
  read -r _ teacher _ options < <(line_of "$pair")
  options=$(sed 's/--views [0-9]*//' <<< "$options")
  queue+=("$out/$name $program train --arch $student --data $(data "$(teacher_field "$teacher" 2)") --seed $seed $options")
}

if [ -n "$program" ]; then
  while read -r name set kind arch options; do
    [ "$kind" = arch ] && queue+=("$out/teacher-$name $program train --arch $arch --data $(data "$set") --seed 1 $options")
  done < <(of teacher)
  run_queue
  while read -r pair _ student _; do
    for seed in $seeds; do distil "$pair-auto-$seed" "$pair" "$student" "$seed" --temperature auto --alpha "$alpha"; done
    run_queue  # so that the lessons are there for all others
    for t in $temperatures; do
      for seed in $seeds; do distil "$pair-T$t-$seed" "$pair" "$student" "$seed" --temperature "$t" --alpha "$alpha"; done
    done
    run_queue
  done < <(of pair)
  while read -r pair _ student _; do
    for seed in $seeds; do
      alone "$pair-alone-$seed" "$pair" "$student" "$seed"
      distil "$pair-ls-$seed" "$pair" "$student" "$seed" --objective kd+ls --temperature 2 --alpha 0.9
    done
    run_queue  # so that the lessons are there for the others
    for seed in $seeds; do distil "$pair-T4-$seed" "$pair" "$student" "$seed" --temperature 4 --alpha 0.9; done
  done < <(of anchor)
  while read -r pair student; do
    own=$(of pair | awk -v name="$pair" '$1 == name { print $3 }')
    for seed in $seeds; do
      alone "$pair-alone-$seed" "$pair" "$own" "$seed"
      alone "$pair-$student-alone-$seed" "$pair" "$student" "$seed"
      distil "$pair-$student-auto-$seed" "$pair" "$student" "$seed" --temperature auto --alpha "$alpha"
    done
  done < <(of curve | sort -u)
  run_queue
  rm -f "$out"/lessons-*
  energy() { "$program" profile "$2" --platform "$platform" --json "$out/energy-$1.json" > "$out/energy-$1.txt"; }
  while read -r pair student; do
    own=$(of pair | awk -v name="$pair" '$1 == name { print $3 }') teacher=$(of pair | awk -v name="$pair" '$1 == name { print $2 }')
    energy "$student" "$out/$pair-$student-alone-1.onnx"
    energy "$own" "$out/$pair-alone-1.onnx"
    energy "teacher-$teacher" "$(teacher_file "$teacher")"
  done < <(of curve)
fi

# One line per training that is there: name, validation and test accuracy, temperature, cost and one training in MACs.
for file in "$out"/*.json; do
  awk -v name="$(basename "$file" .json)" '
    /^  "[a-z_]+": / { key = $1; gsub(/[":]/, "", key); value = $2; sub(/,$/, "", value); found[key] = value }
    END { if (name ~ /^energy-/) print name, found["energy_j"], 0
          else print name, found["validation_accuracy"], found["accuracy"], found["temperature"], found["cost_macs"], found["training_macs"] }' "$file"
done > "$out/trainings.txt"
awk -v plot="$out/regret.svg" -f "$here/distillation_regret.awk" "$spec" "$out/trainings.txt"
