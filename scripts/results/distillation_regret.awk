# SPDX-License-Identifier: Apache-2.0
# What a derived temperature loses against a grid's best. The grid's best is chosen on all seeds but one, by the mean validation
# accuracy there (a second score: by test accuracy there), and both are compared on test with the seed left out.
# awk -v plot=FILE.svg -f distillation_regret.awk SPEC TRAININGS; TRAININGS: name, validation, test, temperature, cost, training
function mean(list, n,   i, sum) { for (i = 1; i <= n; ++i) sum += list[i]; return n ? sum / n : 0 }
function deviation(list, n,   i, m, sum) {
  m = mean(list, n)
  for (i = 1; i <= n; ++i) sum += (list[i] - m) ^ 2
  return n > 1 ? sqrt(sum / (n - 1)) : 0
}
function percent(x) { return sprintf("%.2f", 100 * x) }
function points(x) { return sprintf("%+.2f", 100 * x) }
function uniform() { random = (random * 16807) % 2147483647; return random / 2147483647 }
# Mean and deviation over the seeds of PREFIX-SEED, or "" unless all are there.
function over_seeds(prefix,   i, list) {
  for (i = 1; i <= seeds; ++i) {
    if (!((prefix "-" seed[i]) in test)) return ""
    list[i] = test[prefix "-" seed[i]]
  }
  last_mean = mean(list, seeds)
  return percent(last_mean) " ± " percent(deviation(list, seeds))
}
# The grid's best temperature by `score` over all seeds but `left_out`.
function grid_best(pair, score, left_out,   t, i, sum, best, best_sum) {
  best_sum = -1
  for (t = 1; t <= temperatures; ++t) {
    sum = 0
    for (i = 1; i <= seeds; ++i) if (i != left_out) sum += score == "test" ? test[pair "-T" temperature[t] "-" seed[i]] : validation[pair "-T" temperature[t] "-" seed[i]]
    if (sum > best_sum) { best_sum = sum; best = t }
  }
  return best
}
function complete(pair,   t, i) {
  for (i = 1; i <= seeds; ++i) {
    if (!((pair "-auto-" seed[i]) in test)) return 0
    for (t = 1; t <= temperatures; ++t) if (!((pair "-T" temperature[t] "-" seed[i]) in test)) return 0
  }
  return 1
}
# Upper 90 % bound of the mean of regret[kind, pair, seed]: pairs drawn with replacement, then seeds within each.
function upper_bound(kind,   draw, p, i, sum, pair, value, j, below) {
  random = 20240701
  for (draw = 1; draw <= draws; ++draw) {
    sum = 0
    for (p = 1; p <= scored; ++p) {
      pair = scored_pair[1 + int(uniform() * scored)]
      for (i = 1; i <= seeds; ++i) sum += regret[kind, pair, 1 + int(uniform() * seeds)]
    }
    value = sum / (scored * seeds)
    for (j = draw - 1; j >= 1 && sorted[j] > value; --j) sorted[j + 1] = sorted[j]
    sorted[j + 1] = value
  }
  return sorted[int(0.9 * draws)]
}
function panel(p, pair,   t, i, list, m, low, high, x, y, left, top, width, height) {
  left = 60 + (p - 1) % 2 * 360; top = 40 + int((p - 1) / 2) * 230; width = 280; height = 150
  low = 1; high = 0
  for (i = 1; i <= seeds; ++i) {
    for (t = 1; t <= temperatures; ++t) { y = test[pair "-T" temperature[t] "-" seed[i]]; if (y < low) low = y; if (y > high) high = y }
    y = test[pair "-auto-" seed[i]]; if (y < low) low = y; if (y > high) high = y
  }
  printf "<text x=\"%d\" y=\"%d\" font-weight=\"bold\">%s</text>\n", left, top - 12, pair > plot
  printf "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#999\"/>\n", left, top, width, height > plot
  printf "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text><text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", left - 4, top + 10, percent(high), left - 4, top + height, percent(low) > plot
  for (t = 1; t <= temperatures; ++t) {
    x = left + 10 + (width - 20) * log(temperature[t] / temperature[1]) / log(temperature[temperatures] / temperature[1])
    printf "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x, top + height + 16, temperature[t] > plot
    for (i = 1; i <= seeds; ++i) {
      list[i] = test[pair "-T" temperature[t] "-" seed[i]]
      printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2\" fill=\"#888\"/>\n", x, top + height - 6 - (height - 12) * (list[i] - low) / (high - low) > plot
    }
    y = top + height - 6 - (height - 12) * (mean(list, seeds) - low) / (high - low)
    path = (t == 1 ? "" : path " ") sprintf("%.1f,%.1f", x, y)
  }
  printf "<polyline points=\"%s\" fill=\"none\" stroke=\"#246\"/>\n", path > plot
  for (i = 1; i <= seeds; ++i) {
    x = left + 10 + (width - 20) * log(chosen[pair "-auto-" seed[i]] / temperature[1]) / log(temperature[temperatures] / temperature[1])
    if (x < left) x = left
    if (x > left + width) x = left + width
    y = top + height - 6 - (height - 12) * (test[pair "-auto-" seed[i]] - low) / (high - low)
    printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"none\" stroke=\"#c30\" stroke-width=\"2\"/>\n", x, y > plot
  }
}
/^#/ || NF == 0 { next }
FNR == NR && $1 == "pair" { pair_name[++pairs] = $2; student[$2] = $4; teacher[$2] = $3 }
# The students of one teacher by energy: what labels alone and what the teacher gave.
function curve_table(name,   r, q, swap, own, student) {
  for (r = 1; r <= curve_rows[name]; ++r) for (q = r + 1; q <= curve_rows[name]; ++q) if (energy[curve_student[name, q]] < energy[curve_student[name, r]]) {
    swap = curve_student[name, r]; curve_student[name, r] = curve_student[name, q]; curve_student[name, q] = swap
  }
  own = energy["teacher-" teacher[name]]
  for (r = 1; r <= curve_rows[name]; ++r) {
    student = curve_student[name, r]
    if (!energy[student] || over_seeds(name "-" student "-alone") == "" || over_seeds(name "-" student "-auto") == "") continue
    if (!curve_points[name]++) printf "\n| student of %s | energy | of the teacher's | labels alone | with the teacher, derived T |\n|---|---|---|---|---|\n", teacher[name]
    printf "| %s | %.3g mJ | %.1f %% | %s | %s |\n", student, 1e3 * energy[student], 100 * energy[student] / own, over_seeds(name "-" student "-alone"), over_seeds(name "-" student "-auto")
  }
}
function scaled(value, low, high, size) { return high > low ? size * (value - low) / (high - low) : size / 2 }
# One panel a curve: accuracy over energy on a logarithmic axis, labels alone in grey, taught in red, a dot a seed.
function curves_plotted(   c, name, r, i, k, kind, colour, low, high, least, most, x, y, left, path, panels, student, m) {
  for (c = 1; c <= curves; ++c) if (curve_points[curve[c]]) ++panels
  if (!panels) return
  split("alone auto", kind, " "); split("#888 #c22", colour, " ")
  printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"280\" font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", 40 + 370 * panels > curve_plot
  panels = 0
  for (c = 1; c <= curves; ++c) {
    name = curve[c]
    if (!curve_points[name]) continue
    left = 60 + 370 * panels++
    low = 1; high = 0; least = 1e9; most = 0
    for (r = 1; r <= curve_rows[name]; ++r) for (k = 1; k <= 2; ++k) for (i = 1; i <= seeds; ++i) {
      student = curve_student[name, r]; y = test[name "-" student "-" kind[k] "-" seed[i]]
      if (y == "") continue
      if (y < low) low = y; if (y > high) high = y
      if (energy[student] < least) least = energy[student]; if (energy[student] > most) most = energy[student]
    }
    printf "<text x=\"%d\" y=\"18\">students of %s: <tspan fill=\"#888\">labels alone</tspan>, <tspan fill=\"#c22\">with the teacher</tspan></text>\n", left, teacher[name] > curve_plot
    printf "<path d=\"M%d 35v185h300\" fill=\"none\" stroke=\"#000\"/>\n<text x=\"%d\" y=\"50\" text-anchor=\"end\">%s %%</text><text x=\"%d\" y=\"214\" text-anchor=\"end\">%s %%</text>\n", left, left - 4, percent(high), left - 4, percent(low) > curve_plot
    for (k = 1; k <= 2; ++k) {
      path = ""
      for (r = 1; r <= curve_rows[name]; ++r) {
        student = curve_student[name, r]
        if (!energy[student] || test[name "-" student "-" kind[k] "-" seed[1]] == "") continue
        x = left + 15 + scaled(log(energy[student]), log(least), log(most), 270); m = 0
        for (i = 1; i <= seeds; ++i) {
          y = test[name "-" student "-" kind[k] "-" seed[i]]; m += y / seeds
          printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2\" fill=\"%s\"/>\n", x, 210 - scaled(y, low, high, 165), colour[k] > curve_plot
        }
        path = path (path == "" ? "" : " ") sprintf("%.1f,%.1f", x, 210 - scaled(m, low, high, 165))
        if (k == 1) printf "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text><text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.3g mJ</text>\n", x, 236 + 22 * ((r + 1) % 2), student, x, 247 + 22 * ((r + 1) % 2), 1e3 * energy[student] > curve_plot
      }
      printf "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\"/>\n", path, colour[k] > curve_plot
    }
  }
  print "</svg>" > curve_plot
}
FNR == NR && $1 == "anchor" { anchor[++anchors] = $2; student[$2] = $4 }
FNR == NR && $1 == "curve" { if (!($2 in curve_rows)) curve[++curves] = $2; curve_student[$2, ++curve_rows[$2]] = $4; teacher[$2] = $3 }
FNR == NR && $1 == "temperatures" { for (i = 2; i <= NF; ++i) temperature[++temperatures] = $i }
FNR == NR && $1 == "seeds" { for (i = 2; i <= NF; ++i) seed[++seeds] = $i }
FNR != NR { validation[$1] = $2; test[$1] = $3; chosen[$1] = $4; cost[$1] = $5; training[$1] = $6 }
FNR != NR && $1 ~ /^energy-/ { energy[substr($1, 8)] = $2 }
END {
  draws = 2000
  for (p = 1; p <= pairs; ++p) if (complete(pair_name[p])) scored_pair[++scored] = pair_name[p]
  for (p = 1; p <= scored; ++p) {
    pair = scored_pair[p]
    for (i = 1; i <= seeds; ++i) {
      best = grid_best(pair, "validation", i)
      best_by_test = grid_best(pair, "test", i)
      reference = test[pair "-T" temperature[best] "-" seed[i]]
      derived = test[pair "-auto-" seed[i]]
      sum = 0
      for (t = 1; t <= temperatures; ++t) { accuracy = test[pair "-T" temperature[t] "-" seed[i]]; sum += accuracy; if (temperature[t] == 4) fixed = accuracy }
      regret["derived", pair, i] = reference - derived
      regret["strict", pair, i] = test[pair "-T" temperature[best_by_test] "-" seed[i]] - derived
      regret["fixed", pair, i] = reference - fixed
      regret["random", pair, i] = reference - sum / temperatures
      best_text[pair] = best_text[pair] (i > 1 ? ", " : "") temperature[best]
      chosen_text[pair] = chosen_text[pair] (i > 1 ? ", " : "") sprintf("%.2f", chosen[pair "-auto-" seed[i]])
      grid_list[i] = reference
      ratio = cost[pair "-auto-" seed[i]] / training[pair "-auto-" seed[i]]
      if (ratio > dearest) dearest = ratio
    }
    grid_text[pair] = percent(mean(grid_list, seeds)) " ± " percent(deviation(grid_list, seeds))
  }
  split("derived strict fixed random", kinds, " ")
  print "Test accuracy at each temperature of the grid, mean ± deviation over the seeds, in %:\n"
  printf "| pair | student |"; for (t = 1; t <= temperatures; ++t) printf " T = %s |", temperature[t]
  printf "\n|---|---|"; for (t = 1; t <= temperatures; ++t) printf "---|"
  printf "\n"
  for (p = 1; p <= pairs; ++p) {
    printf "| %s | %s |", pair_name[p], student[pair_name[p]]
    for (t = 1; t <= temperatures; ++t) { text = over_seeds(pair_name[p] "-T" temperature[t]); printf " %s |", text == "" ? "-" : text }
    printf "\n"
  }
  print "\nThe grid's best is chosen on the other seeds; regret in points of test accuracy, mean over the seeds:\n"
  print "| pair | grid's best T, by seed left out | its accuracy | derived T, by seed | its accuracy | regret | regret, grid chosen by test | of T = 4 | of a random T |"
  print "|---|---|---|---|---|---|---|---|---|"
  for (p = 1; p <= scored; ++p) {
    pair = scored_pair[p]
    printf "| %s | %s | %s | %s | %s |", pair, best_text[pair], grid_text[pair], chosen_text[pair], over_seeds(pair "-auto")
    for (k = 1; k <= 4; ++k) {
      sum = 0
      for (i = 1; i <= seeds; ++i) { sum += regret[kinds[k], pair, i]; total[k] += regret[kinds[k], pair, i] }
      printf " %s |", points(sum / seeds)
    }
    printf "\n"
  }
  if (scored) {
    printf "| mean of %d pairs x %d seeds | | | | |", scored, seeds
    for (k = 1; k <= 4; ++k) printf " %s |", points(total[k] / (scored * seeds))
    printf "\n| upper 90 %% bound (bootstrap over pairs, then seeds) | | | | |"
    for (k = 1; k <= 4; ++k) printf " %s |", points(upper_bound(kinds[k]))
    printf "\n\nCost in multiply-accumulates: the derived configuration at most %.2f trainings; the grid %d.\n", dearest, temperatures * seeds
  }
  for (p = scored; p < pairs; ++p) unfinished = 1
  if (unfinished) printf "\n%d of %d pairs are complete.\n", scored, pairs
  for (a = 1; a <= anchors; ++a) {
    pair = anchor[a]
    if (over_seeds(pair "-alone") == "" || over_seeds(pair "-T4") == "" || over_seeds(pair "-ls") == "") continue
    printf "\n| %s (%s) | test accuracy |\n|---|---|\n", pair, student[pair]
    printf "| labels alone | %s |\n| KD, T = 4 | %s |\n| KD with logit standardisation, T = 2 | %s |\n", over_seeds(pair "-alone"), over_seeds(pair "-T4"), over_seeds(pair "-ls")
  }
  for (c = 1; c <= curves; ++c) curve_table(curve[c])
  if (curve_plot != "") curves_plotted()
  if (plot != "" && scored) {
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"720\" height=\"%d\" font-family=\"sans-serif\" font-size=\"11\">\n", 60 + int((scored + 1) / 2) * 230 > plot
    print "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>" > plot
    for (p = 1; p <= scored; ++p) panel(p, scored_pair[p])
    print "<text x=\"60\" y=\"16\">test accuracy in % over the temperature: the grid (grey: each seed; line: mean) and what was derived (red)</text>\n</svg>" > plot
  }
}
