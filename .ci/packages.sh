# Sourced by setup.sh: finds which system packages are missing and installs them through apt.
# What is there is never touched. Without root or sudo the exact apt line is printed instead.

# The interpreter for .venv: $PYTHON, the system's, or any on PATH that is 3.11 or newer and real
# (a pyenv shim is a shell script: sanitizer preloads need the program itself).
find_python() {
  local candidate
  for candidate in "${PYTHON:-}" /usr/bin/python3 python3 python3.1{4,3,2,1}; do
    [ -n "$candidate" ] || continue
    "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11)); ' 2>/dev/null || continue
    "$candidate" -c 'import sys; print(sys.executable)'
    return
  done
  return 1
}

have_any_command() {
  local name
  for name in ${1//,/ }; do
    [ -n "$(PATH=$PATH:/usr/sbin:/sbin command -v "$name")" ] && return
  done
  return 1
}

proved() {
  case $1 in
    cmd:*) have_any_command "${1#cmd:}" ;;
    file:*) compgen -G "${1#file:}" >/dev/null ;;
    python:*) [ -n "$python" ] && "$python" -c "import ${1#python:}" 2>/dev/null ;;
    python-headers)
      [ -n "$python" ] && [ -e "$("$python" -c \
        'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ] ;;
    *) die ".ci/packages: unknown proof $1" ;;
  esac
}

# missing GROUP: the apt names (with alternatives) of what is not there.
missing() {
  local group proof names
  while read -r group proof names; do
    if [ "$group" = "$1" ] && ! proved "$proof"; then echo "$names"; fi
  done <.ci/packages
}

apt_knows() { apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'; }

# choose NAMES...: each a|b becomes the first that apt knows; one that apt knows nothing of stays as
# it is (its first name), so that the message names it.
choose() {
  local names name
  for names in "$@"; do
    for name in ${names//|/ }; do
      if apt_knows "$name"; then
        echo "$name"
        continue 2
      fi
    done
    echo "${names%%|*}"
  done
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# sudo counts when it needs no password, or when somebody sits there to type it.
may_install() {
  command -v apt-get >/dev/null || return 1
  [ "$(id -u)" = 0 ] && return
  command -v sudo >/dev/null || return 1
  sudo -n true 2>/dev/null || [ -t 0 ]
}

refresh_lists() {
  local recent
  recent=$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -mtime -7 2>/dev/null | head -1)
  [ -n "$recent" ] || as_root apt-get update -q >>build/apt.log 2>&1
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get install -q -y --no-install-recommends "$@" </dev/null >>build/apt.log 2>&1
}

# Debian's packages of servers start one, on port 80 mostly, and enable it for every boot. The lab
# wants the programs only: their units are masked while the packages are set up (where systemd does
# not run, RUNLEVEL=1 says "single user" to invoke-rc.d), then disabled. A server that was there
# before is left alone.
servers_of() {
  local name
  for name in "$@"; do
    case $name in nginx | haproxy | h2o | lighttpd) echo "$name.service" ;; esac
  done
}

keep_quiet() {
  local when=$1
  shift
  if [ $# = 0 ] || [ ! -d /run/systemd/system ]; then return 0; fi
  case $when in
    before) as_root systemctl mask -q "$@" ;;
    after) as_root systemctl unmask -q "$@"; as_root systemctl disable -q "$@" ;;
  esac
}

install_all() {
  local name status=0 servers
  mapfile -t servers < <(servers_of "$@")
  keep_quiet before "${servers[@]}"
  if ! apt_install "$@"; then
    for name in "$@"; do apt_install "$name" || status=1; done
  fi
  keep_quiet after "${servers[@]}"
  return $status
}

# want_packages GROUP: installs what the group lacks. Optional ones that could not be had are
# remembered with the rights they were tried with, so that they are not asked for each time.
want_packages() {
  local group=$1 lacks rights=no known=$stamps/packages-$1
  mapfile -t lacks < <(missing "$group")
  [ ${#lacks[@]} -gt 0 ] || { rm -f "$known"; return 0; }
  if may_install; then rights=yes; fi
  if [ "$group" = optional ] && fresh "packages-$group" "$rights ${lacks[*]}"; then return 0; fi
  if [ $rights = yes ]; then
    if [ "$(id -u)" != 0 ]; then sudo -v || true; fi
    refresh_lists || true
    mapfile -t lacks < <(choose "${lacks[@]}")
    say "installing system packages ($group): ${lacks[*]} (output: build/apt.log)"
    install_all "${lacks[@]}" || say "apt could not install all of them: see build/apt.log"
    python=$(find_python || true)
  fi
  mapfile -t lacks < <(missing "$group")
  done_with "packages-$group" "$rights ${lacks[*]}"
  [ ${#lacks[@]} -eq 0 ] || report_missing "$group" "${lacks[@]}"
}

report_missing() {
  local group=$1 names
  shift
  if command -v apt-get >/dev/null; then mapfile -t names < <(choose "$@"); else names=("$@"); fi
  say "missing ($group): ${names[*]}"
  say "to install:  sudo apt-get install -y --no-install-recommends ${names[*]}"
  if [ "$group" = optional ]; then say "going on without: what needs them is skipped by name"; fi
}
