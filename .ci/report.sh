#!/usr/bin/env bash
# Regenerates the report of every complete run in results/ from its records alone, verifies each,
# and writes results/index.html over all of them. As many runs at a time as there are processors,
# the largest first; one that fails lets the others end, and fails all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The lines of a run stay together.
anew() {
  local run=$1 said status=0
  said=$({ .venv/bin/zyphos-lab report "$run" &&
    .venv/bin/zyphos-lab report "$run" --verify; } 2>&1) || status=$?
  printf 'report: %s\n%s\n' "$run" "$said"
  return $status
}
export -f anew

shopt -s nullglob
manifests=(results/*/*/manifest.json)
if [ ${#manifests[@]} -gt 0 ]; then
  du -s "${manifests[@]%/manifest.json}" | sort -rn | cut -f2 |
    xargs -d '\n' -n 1 -P "$(nproc)" bash -c 'anew "$0"'
else
  echo "report: no runs in results/ yet (make run makes one)"
fi
.venv/bin/zyphos-lab report --index
