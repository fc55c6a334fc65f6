#!/usr/bin/env bash
# The tests that exercise native code, against the sanitized build build/NAME. ARGS go to pytest.
#
#   .ci/sanitized.sh asan [ARGS]    ASan + UBSan: native tests and programs; then the tests that
#                                   load the Python module, with the runtime preloaded
#   .ci/sanitized.sh tsan [ARGS]    TSan: native tests and programs
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

name=$1
shift
export ZYPHOS_BUILD=build/$name ZYPHOS_BIN=$PWD/build/$name/bin

# TSan dies where the kernel randomises 32 bits of addresses; containers may refuse the call.
fixed_addresses=()
if setarch "$(uname -m)" -R true 2>/dev/null; then fixed_addresses=(setarch "$(uname -m)" -R); fi
pytest=("${fixed_addresses[@]}" .venv/bin/python -m pytest)

export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
# A race does not end the program: its other cases still run, and its exit code fails it at the end.
export TSAN_OPTIONS=halt_on_error=0:second_deadlock_stack=1

# The native programs two at a time (tests/sharing.py). What is around them one by one: some of it
# counts what all processes of a program do.
"${pytest[@]}" -n 2 -m gtest "$@"
"${pytest[@]}" -m 'native and not core and not gtest' "$@"

if [ "$name" = asan ]; then
  preload="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libstdc++.so)"
  ZYPHOS_CORE=$PWD/build/asan/python/zyphos_lab LD_PRELOAD=$preload PYTHONMALLOC=malloc \
    ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 "${pytest[@]}" -m core "$@"
fi
