#!/usr/bin/env bash
# Makes what is released for one target, in target/released: the program in an archive, packages for Debian and for RPM, an
# SBOM, the source, and the checksums of them all.
#
#   release.sh [TARGET]   the default is that of build.sh, which builds the program
#
# It needs a C compiler, make, and the tools in the next line (`cargo install --locked NAME`).
set -euo pipefail
cd "$(dirname "$0")/../.."
for tool in cargo-deb cargo-generate-rpm cargo-cyclonedx; do
    command -v $tool >/dev/null || { echo "missing: cargo install --locked $tool" >&2; exit 1; }
done

version=$(sed -n '0,/^version/s/^version = "\(.*\)"/\1/p' Cargo.toml)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
program=$(src/release/build.sh "$@")
# Whatever builds, like `cross`: the tools below only read, by cargo itself.
unset CARGO
target=${program#target/}
target=${target%/dist/roomhub}
"$program" --version | grep -q "^roomhub $version" || { echo "$program is another version" >&2; exit 1; }

# What packages and the archive have besides, and the program itself can tell.
made=target/generated
rm -rf $made target/released
mkdir -p $made/man $made/completions target/released
"$program" man $made/man
gzip --best --no-name $made/man/*
"$program" completions bash >$made/completions/roomhub
"$program" completions zsh >$made/completions/_roomhub
"$program" completions fish >$made/completions/roomhub.fish

name=roomhub-$version-$target
tree=target/$name
rm -rf "$tree"
mkdir "$tree"
cp -r "$program" LICENSE README.md CHANGELOG.md config.example.toml assets/licenses assets/systemd \
    $made/man $made/completions "$tree"
rm "$tree/licenses/collect.py"
tar --create --sort=name --mtime=@"$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=u+w,go-w \
    --directory target "$name" | gzip --best --no-name >"target/released/$name.tar.gz"
rm -r "$tree"

cargo-deb --no-build --no-strip --profile dist --target "$target" --output target/released/
cargo-generate-rpm --profile dist --target "$target" --auto-req disabled --output target/released/
cargo-cyclonedx cyclonedx --quiet --format json --target "$target" --override-filename "$name.cdx"
sed "s,file://$PWD,file:///roomhub,g" "$name.cdx.json" >"target/released/$name.cdx.json"
rm "$name.cdx.json"
src/release/source.sh

cd target/released
sha256sum -- * >SHA256SUMS
cat SHA256SUMS
