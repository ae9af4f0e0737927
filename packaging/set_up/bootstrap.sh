#!/bin/sh
# Finds (or, as root on Debian and Ubuntu, installs) Python 3.11 or newer and hands over to set_up.py.
set -eu
here=$(dirname "$0")
program=$here/set_up.py
if [ "${1:-}" = package ]; then
  program=$here/../frozen/build.py
  shift
fi
for name in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do
  if command -v "$name" >/dev/null 2>&1 && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    exec "$name" "$program" "$@"
  fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing Python with apt-get …"
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3 python3-venv >/dev/null
  if python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    exec python3 "$program" "$@"
  fi
fi
echo "Yanmo needs Python 3.11 or newer: install it (Debian/Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.12) and run this again." >&2
exit 1
