#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Trains what scripts/results/distillation.txt lists and prints the tables of docs/results/distillation.md; what is there is
# not trained again, and an interrupted training goes on. Without MILLIJOULE only the tables of what is there are printed. PARTS leaves
# some of it out; RESNET20 names the file of a teacher that is not part of the project, without which its students are left out.
# usage: [JOBS=N] [PARTS="pair anchor curve"] [RESNET20=FILE.onnx] scripts/results/distillation.sh [MILLIJOULE CIFAR10_DIR CIFAR100_DIR] OUT_DIR
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
spec=${SPEC:-$here/distillation.txt}
jobs=${JOBS:-2}
parts=${PARTS:-pair anchor curve}
case $# in
  1) program= out=$1 ;;
  4) program=$1 cifar10=$2 cifar100=$3 out=$4 ;;
  *) sed -n '6s/^# //p' "$0" >&2; exit 2 ;;
esac
mkdir -p "$out"
of() { awk -v key="$1" '$1 == key { $1 = ""; print substr($0, 2) }' "$spec"; }
part() { [[ " $parts " != *" $1 "* ]] || of "$1"; }
seeds=$(of seeds) temperatures=$(of temperatures) alpha=$(of alpha) platform=$(of platform)

data() { case $1 in cifar10) echo "cifar10:$cifar10" ;; cifar100) echo "cifar100:$cifar100" ;; *) echo "$1" ;; esac; }
teacher_field() { of teacher | awk -v name="$1" -v i="$2" '$1 == name { print $i }'; }
teacher_file() {
  local named; named=$(teacher_field "$1" 4)
  case $(teacher_field "$1" 3) in
    file) echo "$root/$named" ;;
    given) echo "${!named:-}" ;;
    arch) echo "$out/teacher-$1.onnx" ;;
  esac
}
teacher_options() { [ "$(teacher_field "$1" 3)" = given ] && of teacher | awk -v name="$1" '$1 == name { $1 = $2 = $3 = $4 = ""; print }' || true; }

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
# NAME TEACHER STUDENT SEED OPTIONS, then further options of distil
distil() {
  local name=$1 teacher=$2 student=$3 seed=$4; shift 4
  queue+=("$out/$name $program distil --teacher $(teacher_file "$teacher") $(teacher_options "$teacher") --student $student --data $(data "$(teacher_field "$teacher" 2)") --lessons $out/lessons-$teacher-$seed --seed $seed $*")
}
# The same student without a teacher.
alone() {
  local name=$1 teacher=$2 student=$3 seed=$4 options=$5
  options=$(sed 's/--views [0-9]*//' <<< "$options")
  queue+=("$out/$name $program train --arch $student --data $(data "$(teacher_field "$teacher" 2)") --seed $seed $options")
}

if [ -n "$program" ]; then
  for wanted in $({ part pair; part anchor; part curve; } | awk '{ print $2 }' | sort -u); do
    read -r name set kind arch options < <(of teacher | grep "^$wanted ")
    if [ "$kind" = arch ]; then queue+=("$out/teacher-$name $program train --arch $arch --data $(data "$set") --seed 1 $options"); fi
  done
  run_queue
  while read -r pair teacher student options; do
    for seed in $seeds; do distil "$pair-auto-$seed" "$teacher" "$student" "$seed" "$options" --temperature auto --alpha "$alpha"; done
    run_queue  # so that the lessons are there for all others
    for t in $temperatures; do
      for seed in $seeds; do distil "$pair-T$t-$seed" "$teacher" "$student" "$seed" "$options" --temperature "$t" --alpha "$alpha"; done
    done
    run_queue
  done < <(part pair)
  while read -r anchor teacher student options; do
    for seed in $seeds; do
      alone "$anchor-alone-$seed" "$teacher" "$student" "$seed" "$options"
      distil "$anchor-ls-$seed" "$teacher" "$student" "$seed" "$options" --objective kd+ls --temperature 2 --alpha 0.9
    done
    run_queue  # so that the lessons are there for the others
    for seed in $seeds; do distil "$anchor-T4-$seed" "$teacher" "$student" "$seed" "$options" --temperature 4 --alpha 0.9; done
    run_queue
  done < <(part anchor)
  energy() { "$program" profile "$2" --platform "$platform" --json "$out/energy-$1.json" > "$out/energy-$1.txt"; }
  while read -r curve teacher student options; do
    if [ -z "$(teacher_file "$teacher")" ]; then echo "$curve: left out: $(teacher_field "$teacher" 4) names no file" >&2; continue; fi
    for seed in $seeds; do
      distil "$curve-$student-auto-$seed" "$teacher" "$student" "$seed" "$options" --temperature auto --alpha "$alpha"
      alone "$curve-$student-alone-$seed" "$teacher" "$student" "$seed" "$options"
    done
    run_queue
    energy "$student" "$out/$curve-$student-alone-1.onnx"
    energy "teacher-$teacher" "$(teacher_file "$teacher")"
  done < <(part curve)
  rm -f "$out"/lessons-*
fi

# One line per training that is there: name, validation and test accuracy, temperature, cost and one training in MACs.
for file in "$out"/*.json; do
  awk -v name="$(basename "$file" .json)" '
    /^  "[a-z_]+": / { key = $1; gsub(/[":]/, "", key); value = $2; sub(/,$/, "", value); found[key] = value }
    END { if (name ~ /^energy-/) print name, found["energy_j"], 0
          else print name, found["validation_accuracy"], found["accuracy"], found["temperature"], found["cost_macs"], found["training_macs"] }' "$file"
done > "$out/trainings.txt"
awk -v plot="$out/regret.svg" -v curve_plot="$out/curve.svg" -f "$here/distillation_regret.awk" "$spec" "$out/trainings.txt"
