#!/usr/bin/env bash
# .ci/lint.sh check: layout (clang-format, ruff), mypy --strict, clang-tidy; fails when one does.
# .ci/lint.sh format: applies the layout.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bin=.venv/bin
mapfile -t native < <(find cpp -name '*.h' -o -name '*.cpp' -o -name '*.c' | sort)
python=(zyphos_lab tests .ci)

case $1 in
  format)
    $bin/clang-format -i "${native[@]}"
    $bin/ruff check -q --fix "${python[@]}" || true
    $bin/ruff format "${python[@]}"
    ;;
  check)
    failed=()
    $bin/clang-format --dry-run -Werror "${native[@]}" || failed+=(clang-format)
    $bin/ruff format --check "${python[@]}" || failed+=("ruff format")
    $bin/ruff check "${python[@]}" || failed+=(ruff)
    $bin/mypy --strict || failed+=(mypy)
    $bin/python .ci/clang_tidy.py || failed+=(clang-tidy)
    [ ${#failed[@]} -eq 0 ] || { echo "lint: ${failed[*]}" >&2; exit 1; }
    echo "lint: clean"
    ;;
esac
