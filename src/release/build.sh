#!/usr/bin/env bash
# Builds the program that is released: one static file, whose path it prints.
#
#   build.sh [TARGET]   the default is musl, if rustup has it, and else the GNU C library of this machine
#
# SOURCE_COMMIT and SOURCE_DATE_EPOCH say what `--version` tells, where git does not.
set -euo pipefail
cd "$(dirname "$0")/../.."

host=$(rustc -vV | sed -n 's/^host: //p')
target=$host
[ -d "$(rustc --print sysroot)/lib/rustlib/${host/gnu/musl}" ] && target=${host/gnu/musl}
target=${1:-$target}

# For this build alone: with the C library inside, tests could not put their own in its place. Paths of this machine stay
# out of the program, which is then the same wherever it is built. Random numbers come by the system call itself: the
# library `getrandom` asks the dynamic linker for it, and without one takes /dev/urandom, which an empty root has not.
registry=${CARGO_HOME:-$HOME/.cargo}/registry/src
RUSTFLAGS="-C target-feature=+crt-static --cfg getrandom_backend=\"linux_getrandom\" \
    --remap-path-prefix=$PWD=roomhub --remap-path-prefix=$registry=registry" \
CFLAGS="-ffile-prefix-map=$registry=registry" \
    "${CARGO:-cargo}" build --locked --profile dist --target "$target" --bin roomhub >&2
program=target/$target/dist/roomhub
if readelf --program-headers --wide "$program" | grep -q INTERP; then
    echo "$program is not static" >&2
    exit 1
fi
echo "$program"
