#!/usr/bin/env bash
# fuzz/run.sh SECONDS [TARGET...]: runs each fuzz target (all by default) for so long, led by coverage. An input that
# crashes one is put into src/fuzz/corpus/TARGET, where every test run replays it. Stable Rust is enough.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:?usage: fuzz/run.sh SECONDS [TARGET...]}
shift
host=$(rustc --version --verbose | sed -n 's/^host: //p')
# The flags of cargo-fuzz without a sanitizer, which needs nightly. `--target` keeps them away from build scripts.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions"
cargo build --locked --release --target "$host"
# Some targets read files; in memory they run a hundred times faster.
if [ -w /dev/shm ]; then
    export TMPDIR=/dev/shm
fi
TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
corpus=../src/fuzz/corpus
if [ $# -eq 0 ]; then
    set -- $(ls "$corpus")
fi
failed=()
for target in "$@"; do
    echo "== $target"
    found=target/found/$target
    mkdir -p "$found" "$corpus/$target"
    # New inputs that reach new code stay in `found`, and are where the next run begins.
    FUZZ_TARGET=$target "target/$host/release/fuzz" "$found" "$corpus/$target" -max_total_time="$seconds" \
        -artifact_prefix="$corpus/$target/" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        || failed+=("$target")
done
if [ ${#failed[@]} -gt 0 ]; then
    echo "crashed: ${failed[*]}"
    exit 1
fi
