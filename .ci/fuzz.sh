#!/usr/bin/env bash
# Runs every fuzzer of build/fuzz for SECONDS, starting from its corpus in tests/corpus/NAME. What
# is new goes to build/fuzz/corpus; an input that fails is kept in build/fuzz/found and ends it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=$1
shopt -s nullglob
programs=(build/fuzz/fuzz/*_fuzz)
[ ${#programs[@]} -gt 0 ] || { echo "fuzz: no fuzzers in build/fuzz" >&2; exit 1; }
mkdir -p build/fuzz/found
for program in "${programs[@]}"; do
  name=$(basename "$program")
  mkdir -p "build/fuzz/corpus/$name"
  seeds=(tests/corpus/"$name")
  [ -d "${seeds[0]}" ] || seeds=()
  echo "fuzz: $name, $seconds s"
  "$program" -max_total_time="$seconds" -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="build/fuzz/found/$name-" "build/fuzz/corpus/$name" "${seeds[@]}"
done
