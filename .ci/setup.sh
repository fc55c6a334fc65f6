#!/usr/bin/env bash
# Sets up a machine for the lab: system packages, .venv, native builds. Each step is skipped when
# its stamp in build/stamps holds the fingerprint of what it depends on.
#
#   .ci/setup.sh release            packages, .venv, the release build with its tests
#   .ci/setup.sh asan | tsan        the build with sanitizers in build/asan, build/tsan
#   .ci/setup.sh fuzz               the fuzzers, with clang 19, in build/fuzz
#   .ci/setup.sh lint               the linters, in .venv
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

root=$PWD
stamps=build/stamps
mkdir -p $stamps

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

. .ci/packages.sh

digest() { sha256sum | cut -d' ' -f1; }

# fresh NAME FINGERPRINT: whether step NAME was last done with this very fingerprint.
fresh() { [ "$(cat "$stamps/$1" 2>/dev/null)" = "$2" ]; }
done_with() { echo "$2" >"$stamps/$1"; }

# What the native builds depend on. Of the Python files only the names: an editable install knows
# the modules that it was made with.
sources() {
  find cpp CMakeLists.txt pyproject.toml -printf '%p %T@ %s\n' | LC_ALL=C sort
  find zyphos_lab -type f ! -name '*.pyc' | LC_ALL=C sort
  echo "$root"
  cat "$stamps/venv" 2>/dev/null || true
  cat .ci/setup.sh
  ls /usr/include/liburing.h /usr/include/bpf/libbpf.h /usr/include/gtest/gtest.h \
    /usr/include/benchmark/benchmark.h /usr/include/openssl/ssl.h /usr/include/re2/re2.h \
    2>/dev/null || true
  PATH=$PATH:/usr/sbin command -v clang bpftool g++ || true
}

# run_logged NAME COMMAND...: shows the progress lines, keeps everything in build/NAME.log.
run_logged() {
  local log=build/$1.log
  shift
  if ! "$@" 2>&1 | tee "$log" | { grep -E --line-buffered \
      '^ *\[[0-9]+/[0-9]+\]|error:|warning:|FAILED' || true; }; then
    tail -40 "$log" >&2
    die "failed: $* (whole output: $log)"
  fi
}

require_compiler() {
  command -v g++ >/dev/null || die "no C++ compiler: install g++ 12 or newer"
  local major
  major=$(g++ -dumpversion | cut -d. -f1)
  [ "$major" -ge 12 ] || die "g++ $major is too old: the lab needs 12 or newer (C++23)"
}

make_venv() {
  [ -n "$python" ] || die "no Python 3.11 or newer: install python3, or set PYTHON=/path/to/it"
  local extras=$1 stamp=$2 fingerprint
  fingerprint=$( { echo "$root $python $extras"; "$python" -V; cat pyproject.toml; } | digest)
  if fresh "$stamp" "$fingerprint" && [ -x .venv/bin/python ]; then return; fi
  if ! .venv/bin/python -c "import sys; sys.exit(sys.prefix != '$root/.venv')" 2>/dev/null; then
    say "creating .venv with $python"
    rm -rf .venv
    "$python" -m venv .venv || die "could not create .venv: is python3-venv there?"
  fi
  say "installing Python packages ($extras)"
  .venv/bin/python .ci/requirements.py "$extras" >build/requirements.txt
  .venv/bin/python -m pip install -q --disable-pip-version-check -r build/requirements.txt
  done_with "$stamp" "$fingerprint"
}

# Without root cmake and ninja come from PyPI; tests and benches need the system's gtest.
find_tools() {
  export PATH=$root/.venv/bin:$PATH
  local tool
  for tool in cmake ninja; do
    command -v $tool >/dev/null || .venv/bin/python -m pip install -q $tool
  done
  tests=ON
  if [ ! -e /usr/include/gtest/gtest.h ]; then
    tests=OFF
    say "no libgtest-dev: native tests are not built"
  fi
  # Without the first of these what is compiled after a precompiled header is compiled each time.
  if command -v ccache >/dev/null; then
    export CMAKE_CXX_COMPILER_LAUNCHER="env;CCACHE_SLOPPINESS=pch_defines,time_macros;ccache"
  fi
}

build_release() {
  local fingerprint
  fingerprint=$(sources | digest)
  if fresh release "$fingerprint" && [ -x .venv/bin/zyphos-lab ]; then return; fi
  require_compiler
  find_tools
  say "building (build/release)"
  run_logged release .venv/bin/python -m pip install -v --disable-pip-version-check \
    --no-build-isolation --no-deps --editable . --config-settings=build-dir=build/release \
    --config-settings=cmake.define.ZYPHOS_TESTS=$tests
  done_with release "$fingerprint"
}

# The fuzzers' targets: cpp/a/b_fuzz.cpp is a_b_fuzz.
fuzzers() { find cpp -name '*_fuzz.cpp' -printf '%P\n' | sed 's/\.cpp$//; s|/|_|g'; }

# build_with NAME OPTIONS...: a build of its own beside the release one; of `targets` alone if any.
build_with() {
  local name=$1 fingerprint
  shift
  fingerprint=$( { sources; echo "$*"; } | digest)
  if fresh "$name" "$fingerprint"; then return; fi
  require_compiler
  find_tools
  say "building (build/$name)"
  run_logged "$name" cmake -S . -B "build/$name" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DPython_EXECUTABLE="$root/.venv/bin/python" "$@"
  run_logged "$name" cmake --build "build/$name" "${targets[@]/#/--target=}"
  done_with "$name" "$fingerprint"
}

for goal in "$@"; do
  targets=()
  python=$(find_python || true)
  want_packages required
  want_packages optional
  python=$(find_python || true)
  make_venv test venv
  case $goal in
    release) build_release ;;
    asan) build_with asan -DZYPHOS_TESTS=ON -DZYPHOS_SANITIZE=address,undefined ;;
    tsan) build_with tsan -DZYPHOS_TESTS=ON -DZYPHOS_SANITIZE=thread -DZYPHOS_PYTHON=OFF ;;
    fuzz)
      want_packages fuzz
      command -v clang++-19 >/dev/null || die "the fuzzers need clang++-19"
      mapfile -t targets < <(fuzzers)
      build_with fuzz -DZYPHOS_FUZZ=ON -DZYPHOS_PYTHON=OFF -DCMAKE_C_COMPILER=clang-19 \
        -DCMAKE_CXX_COMPILER=clang++-19 ;;
    lint) make_venv test,lint venv-lint ;;
    *) die "unknown goal $goal" ;;
  esac
done
