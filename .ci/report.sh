#!/usr/bin/env bash
# Regenerates the report of every complete run in results/ from its records alone, verifies each,
# and writes results/index.html over all of them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

shopt -s nullglob
count=0
for manifest in results/*/*/manifest.json; do
  run=$(dirname "$manifest")
  echo "report: $run"
  .venv/bin/zyphos-lab report "$run"
  .venv/bin/zyphos-lab report "$run" --verify
  count=$((count + 1))
done
[ $count -gt 0 ] || echo "report: no runs in results/ yet (make run makes one)"
.venv/bin/zyphos-lab report --index
