#!/usr/bin/env bash
# fuzz.sh SECONDS [REGEX]: runs every fuzzer of build/fuzz (those whose name matches) for SECONDS,
# starting from the corpus that its source names. What is new goes to build/fuzz/corpus; an input
# that fails is kept in build/fuzz/found and ends it. Then the branches that they reached together,
# by file.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=$1
only=${2:-.}
mapfile -t sources < <(find cpp -name '*_fuzz.cpp' | sort)
[ ${#sources[@]} -gt 0 ] || { echo "fuzz: no fuzzers in cpp/" >&2; exit 1; }
mkdir -p build/fuzz/found build/fuzz/profile
rm -f build/fuzz/profile/*
ran=()
for source in "${sources[@]}"; do
  name=${source#cpp/}
  name=${name%.cpp}
  name=${name//\//_}
  [[ $name =~ $only ]] || continue
  corpus=$(sed -n 's/^ZYPHOS_FUZZ_MAIN("\(.*\)").*/\1/p' "$source")
  seeds=cpp/$corpus
  [ -n "$corpus" ] && [ -d "$seeds" ] || { echo "fuzz: $source: no corpus '$corpus'" >&2; exit 1; }
  mkdir -p "build/fuzz/corpus/$name"
  echo "fuzz: $name, $seconds s, from $seeds"
  LLVM_PROFILE_FILE="build/fuzz/profile/$name.profraw" "build/fuzz/fuzz/$name" \
    -max_total_time="$seconds" -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="build/fuzz/found/$name-" "build/fuzz/corpus/$name" "$seeds"
  ran+=("build/fuzz/fuzz/$name")
done
[ ${#ran[@]} -gt 0 ] || { echo "fuzz: no fuzzer's name matches '$only'" >&2; exit 1; }

if ! command -v llvm-cov-19 >/dev/null; then
  echo "fuzz: the branches reached are not counted: no llvm-cov-19 (apt-get install llvm-19)" >&2
  exit 0
fi
llvm-profdata-19 merge -sparse -o build/fuzz/reached.profdata build/fuzz/profile/*.profraw
echo "fuzz: branches reached, of those that there are"
llvm-cov-19 report -show-branch-summary -instr-profile=build/fuzz/reached.profdata \
  -ignore-filename-regex='_fuzz|/testing/|/base/|^/usr' "${ran[0]}" "${ran[@]/#/-object=}" |
  awk '$NF ~ /%$/ && $(NF-2) > 0 {
    printf "%-44s %5d of %5d  %s\n", $1, $(NF-2) - $(NF-1), $(NF-2), $NF
  }'
