#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Remakes docs/results/harvest.md: harvest.sh MILLIJOULE TRACES [DIR OUTCOMES] > docs/results/harvest.md
# TRACES holds react-rf, mementos-rf and solar-tuhh. Without DIR and OUTCOMES a drawn network stands in (harvest_network.awk). The
# speed is that of the student that ./run makes. Needs bash and /usr/bin/time (package time).
set -euo pipefail
program=$1 traces=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ $# -ge 4 ]; then
  firmware=$3 outcomes=$4 network="The network and its outcomes were given."
else
  mkdir "$work/drawn"
  awk -v out=manifest -f "$here/harvest_network.awk" > "$work/drawn/manifest.json"
  awk -v out=outcomes -f "$here/harvest_network.awk" > "$work/outcomes.csv"
  firmware=$work/drawn outcomes=$work/outcomes.csv
  network="The network is DRAWN (scripts/results/harvest_network.awk), not trained: these figures show the policies and the bound, not a product."
fi

cat <<TEXT
# Exit policies against the upper bound

Made by \`scripts/results/harvest.sh\`. $network
Correct answers per hour; the share in brackets is of the upper bound (docs/harvest.md). Harvester \`nano\`. RF traces back to
back, repeated to 2 h; solar: 194 days at 3 V, an input every 10 s.

| trace | capacitor | full | best fixed exit | confidence | confidence-energy | starvation | clairvoyant | bound | best of ours against best fixed exit |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|
TEXT
row() {
  local trace=$1 capacitor=$2
  shift 2
  "$program" simulate "$firmware" --outcomes "$outcomes" --capacitor "$capacitor" --policy all --json "$work/r.json" "$@" >/dev/null 2>&1
  # The JSON has one key per line: a policy's name comes before its figures.
  awk -v trace="$trace" -v capacitor="$capacitor" '
    /"policies": \[/ { inside = 1 }
    inside && /"policy":/ { gsub(/[",]/, ""); policy = $2 }
    inside && /"correct_per_hour":/ { gsub(/,/, ""); rate[policy] = $2 }
    !inside && /"most_correct":/ { gsub(/,/, ""); most = $2 }
    !inside && /"duration_s":/ { gsub(/,/, ""); duration = $2 }
    function cell(x) { return bound > 0 ? sprintf("%.4g (%.1f %%)", x, x / bound * 100) : x }
    END {
      bound = most * 3600 / duration
      for (p in rate) if (p ~ /^exit:/ || p == "full") if (rate[p] > fixed) { fixed = rate[p]; name = p }
      ours = rate["confidence"]
      if (rate["confidence-energy"] > ours) ours = rate["confidence-energy"]
      if (rate["starvation"] > ours) ours = rate["starvation"]
      printf "| %s | %s | %s | %s %s | %s | %s | %s | %s | %.4g | %s |\n", trace, capacitor, cell(rate["full"]), name, cell(fixed), cell(rate["confidence"]), cell(rate["confidence-energy"]), cell(rate["starvation"]), cell(rate["clairvoyant"]), bound, (fixed > 0 ? sprintf("%+.1f %%", (ours / fixed - 1) * 100) : "never turns on")
    }' "$work/r.json"
}
for capacitor in 47uF 100uF 220uF 1mF; do
  for trace in cart mobile obstruction; do
    row "rf-$trace" "$capacitor" --trace "$traces/react-rf/rf-$trace.trace" --duration 2h
  done
done
for capacitor in 10mF 100mF 1F 10F; do
  row solar "$capacitor" --trace "$traces/solar-tuhh/TUHHx.txt" --source-voltage 3V --period 10s
done

cat <<TEXT

Back to back every joule is worth most at the exit with the most right answers per joule, so the best policies are that exit; what
is missing to the bound is work done twice after cuts, which is more of a small charge. Expected answers may be exceeded by luck
with the images. 1 mF never reaches turn-on where an obstruction stands. With a period the bound is loose for small stores, as it
lets the device draw what has just arrived.
TEXT

"$program" emit "$here/../../out/fashion/student_int8.onnx" --target host --name fashion --intermittent --platform msp430fr5994 \
  --charge '100 uJ' -o "$work/fashion" >/dev/null 2>&1
cat <<TEXT

## Speed

One core; processor seconds and the largest resident memory, as /usr/bin/time counts them. \`fashion\` is the Fashion-MNIST student of the
example, emitted with \`--intermittent --platform msp430fr5994 --charge '100 uJ'\`.

| run | simulated | processor seconds | times real time | memory |
|---|---:|---:|---:|---:|
TEXT
speed() { # what is written, simulated seconds, trace, options
  local shown=$1 seconds=$2 trace=$3
  shift 3
  /usr/bin/time -f '%U %M' -o "$work/time" "$program" simulate "$work/fashion" --trace "$traces/$trace" "$@" >/dev/null 2>&1
  awk -v shown="$shown" -v s="$seconds" '{ printf "| `%s` | %s | %s | %.3g | %.1f MB |\n", shown, (s >= 86400 ? s / 86400 " days" : s / 60 " min"), $1, (s / ($1 > 0 ? $1 : 0.01)), ($2 / 1000) }' "$work/time"
}
days=$((194 * 86400))
speed "--trace TUHHx.txt --source-voltage 3V --capacitor 1F --period 10s" $days solar-tuhh/TUHHx.txt --source-voltage 3V --capacitor 1F --period 10s
speed "--trace TUHHx.txt --source-voltage 3V --capacitor 100uF --period 10s" $days solar-tuhh/TUHHx.txt --source-voltage 3V --capacitor 100uF --period 10s
for minutes in 1 120; do
  speed "--trace mementos-rf/2.txt --source-resistance 30kohm --capacitor 47uF --duration ${minutes}min" $((minutes * 60)) mementos-rf/2.txt \
    --source-resistance 30kohm --capacitor 47uF --duration "${minutes}min"
done
cat <<TEXT

A capacitor of 100 uF holds far less than one inference: millions of cuts. Memory does not grow with the trace.

## Against the emulated device

The same student emitted with \`--target msp430\`, on the emulated MSP430FR5994 and simulated from its plan (\`simulate --on twin
--duration 60s\`): answers, boots and the energy the device used.

| trace | capacitor | answers, simulated | emulated | boots, simulated | emulated | energy, simulated | emulated | difference | wrong answers |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|
TEXT
"$program" emit "$here/../../out/fashion/student_int8.onnx" --target msp430 --name fashion --intermittent --platform msp430fr5994 \
  --charge '100 uJ' -o "$work/twin" >/dev/null 2>&1
agreement() { # trace, capacitor, options
  local trace=$1 capacitor=$2
  shift 2
  "$program" simulate "$work/twin" --on twin --capacitor "$capacitor" --duration 60s --json "$work/t.json" "$@" >/dev/null 2>&1
  awk -v trace="$trace" -v capacitor="$capacitor" '
    { gsub(/[",]/, "") }
    $1 == "wrong_answers:" { wrong = $2 }
    $1 == "name:" { name = $0; sub(/^ *name: /, "", name) }
    $1 == "simulated:" { simulated[name] = $2 }
    $1 == "emulated:" { emulated[name] = $2 }
    END {
      u = "used by the device"
      printf "| %s | %s | %d | %d | %d | %d | %.4g mJ | %.4g mJ | %s | %d |\n", trace, capacitor, simulated["answers"], emulated["answers"],
        simulated["boots"], emulated["boots"], simulated[u] * 1000, emulated[u] * 1000, (emulated[u] > 0 ? sprintf("%+.2f %%", (simulated[u] / emulated[u] - 1) * 100) : ""), wrong
    }' "$work/t.json"
}
for capacitor in 100uF 470uF; do
  for trace in cart mobile; do
    agreement "rf-$trace" "$capacitor" --trace "$traces/react-rf/rf-$trace.trace"
  done
done
agreement "rf-cart, every 3 s" 1mF --trace "$traces/react-rf/rf-cart.trace" --period 3s
agreement mementos-rf/4 47uF --trace "$traces/mementos-rf/4.txt" --source-resistance 3kohm
