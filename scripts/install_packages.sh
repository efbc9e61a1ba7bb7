#!/bin/bash
# Installs the packages of packages.txt that this Debian or Ubuntu machine lacks; says which. Those
# of lines that begin with "NAME:" only if NAME is an argument.
# Uses sudo only if something is missing and the user is not root.
set -u
extra=${1:-none}
list="$(dirname "$0")/../packages.txt"

if ! command -v apt-get >/dev/null; then
  echo "No apt-get here: install the equivalents of packages.txt yourself. Going on without." >&2
  exit 0
fi

installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q '^install ok installed$'; }
available() { apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'; }

# One line per missing package, with its alternatives: "gemmi-dev libgemmi-dev".
missing=()
while read -r -a names; do
  for name in "${names[@]}"; do
    installed "$name" && continue 2
  done
  missing+=("${names[*]}")
done < <(sed -e 's/#.*//' -e "s/^$extra://" -e '/^[a-z]*:/d' -e 's/|/ /g' "$list" | grep '[^[:space:]]')
[ ${#missing[@]} -eq 0 ] && exit 0

# The first name of each line that apt can install; the other lines are left in `unknown`.
choose() {
  wanted=() unknown=()
  for names in "${missing[@]}"; do
    for name in $names; do
      available "$name" && { wanted+=("$name"); continue 2; }
    done
    unknown+=("${names// / or }")
  done
}
choose

sudo=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "Pendel needs packages that are missing here, and there is no sudo. As root, run:" >&2
    echo "  apt-get update && apt-get install --no-install-recommends ${missing[*]%% *}" >&2
    exit 1
  fi
  sudo=(sudo)
fi
root() { ${sudo[@]+"${sudo[@]}"} env DEBIAN_FRONTEND=noninteractive "$@"; }
with_sudo=${sudo[0]:+ with sudo}

if [ ${#unknown[@]} -gt 0 ]; then
  echo "Package lists are empty or old: running apt-get update$with_sudo"
  root apt-get update -q || exit 1
  choose
fi
if [ ${#unknown[@]} -gt 0 ]; then
  echo "These packages are not in this machine's package sources:" >&2
  printf '  %s\n' "${unknown[@]}" >&2
  echo "Debian 12 and Ubuntu 22.04 and 24.04 have all of packages.txt; on Ubuntu it needs the" >&2
  echo "universe component (add-apt-repository universe). Elsewhere, gemmi and CLI11 are header" >&2
  echo "libraries: give their folders with -DGEMMI_INCLUDE_DIR=... and -DCLI11_INCLUDE_DIR=..." >&2
  echo "to cmake --preset release and go on with cmake --build build/release." >&2
  exit 1
fi

echo "Installing ${#wanted[@]} missing packages$with_sudo:"
printf '  %s\n' "${wanted[@]}"
install=(apt-get install -q -y --no-install-recommends "${wanted[@]}")
# A list can name versions that the server no longer has; then it is brought up to date, once.
root "${install[@]}" || { root apt-get update -q && root "${install[@]}"; }
