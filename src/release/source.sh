#!/usr/bin/env bash
# Makes the source archive in target/released: the commit, and the crates under copyleft licences with all that they bring,
# as the LGPL and the MPL want them to be had from where the program is.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=$(sed -n '0,/^version/s/^version = "\(.*\)"/\1/p' Cargo.toml)
name=roomhub-$version-source
tree=target/$name
rm -rf "$tree"
mkdir -p "$tree/crates" target/released
git archive HEAD | tar --extract --directory "$tree"
cargo fetch --locked --quiet
cache=$(echo "${CARGO_HOME:-$HOME/.cargo}"/registry/cache/*/)
copyleft='^name = "(mp3lame-.*|symphonia.*)"$'
grep --extended-regexp --after-context=1 "$copyleft" Cargo.lock | sed -n 's/^[a-z]* = "\(.*\)"/\1/p' | paste - - |
    while read -r crate crate_version; do
        tar --extract --gzip --file "$cache/$crate-$crate_version.crate" --directory "$tree/crates"
        mv "$tree/crates/$crate-$crate_version" "$tree/crates/$crate"
    done
tar --create --sort=name --mtime=@"${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}" --owner=0 --group=0 --numeric-owner \
    --mode=u+w,go-w --directory target "$name" | gzip --best --no-name >"target/released/$name.tar.gz"
rm -r "$tree"
