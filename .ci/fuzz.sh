#!/usr/bin/env bash
# Runs every fuzzer of build/fuzz for SECONDS, starting from the corpus that its source names. What
# is new goes to build/fuzz/corpus; an input that fails is kept in build/fuzz/found and ends it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=$1
mapfile -t sources < <(find cpp -name '*_fuzz.cpp' | sort)
[ ${#sources[@]} -gt 0 ] || { echo "fuzz: no fuzzers in cpp/" >&2; exit 1; }
mkdir -p build/fuzz/found
for source in "${sources[@]}"; do
  name=${source#cpp/}
  name=${name%.cpp}
  name=${name//\//_}
  corpus=$(sed -n 's/^ZYPHOS_FUZZ_MAIN("\(.*\)").*/\1/p' "$source")
  seeds=cpp/$corpus
  [ -n "$corpus" ] && [ -d "$seeds" ] || { echo "fuzz: $source: no corpus '$corpus'" >&2; exit 1; }
  mkdir -p "build/fuzz/corpus/$name"
  echo "fuzz: $name, $seconds s, from $seeds"
  "build/fuzz/fuzz/$name" -max_total_time="$seconds" -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="build/fuzz/found/$name-" "build/fuzz/corpus/$name" "$seeds"
done
