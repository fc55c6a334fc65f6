#!/usr/bin/env bash
# Regenerates the report of every complete run in results/, from its records alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

shopt -s nullglob
count=0
for manifest in results/*/*/manifest.json; do
  run=$(dirname "$manifest")
  echo "report: $run"
  .venv/bin/zyphos-lab report "$run"
  count=$((count + 1))
done
[ $count -gt 0 ] || echo "report: no runs in results/ yet (make run makes one)"
