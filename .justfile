# Runs every service; arguments are the program's: `just run --log-level debug`.
run *arguments:
    cargo run --locked -- all {{ arguments }}

# Format, lints, documentation: what must be clean before a commit.
check:
    cargo fmt --check
    cargo clippy --locked --all-targets -- --deny warnings
    RUSTDOCFLAGS="--deny warnings" cargo doc --locked --no-deps --document-private-items

# What dependencies may be and bring along, by `.deny.toml`; `cargo install cargo-deny` first.
deny:
    cargo deny check

# Every test there is, other people's clients included.
test:
    bash src/tests/all.sh

# Every fuzz target for so many seconds, led by coverage: `just fuzz 60`, `just fuzz 60 mp3 json`.
fuzz seconds *targets:
    fuzz/run.sh {{ seconds }} {{ targets }}

# The load figures.
bench:
    cargo bench --locked --bench load

# What is released, in target/released: static program, packages, SBOM, checksums; `just release TARGET` for another target.
release *target:
    src/release/release.sh {{ target }}

# The container image, for this machine's platform.
image:
    docker build --build-arg VERSION="$(cargo pkgid | sed 's/.*[#@]//')" --build-arg REVISION="$(git rev-parse HEAD)" \
        --build-arg SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)" --tag roomhub .
