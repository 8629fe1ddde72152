#!/usr/bin/env bash
# Installs what the tests need (as root, through apt) and passes them all: format, lints, documentation, tests.
set -euo pipefail
cd "$(dirname "$0")/../.."

install() {
    if [ "$(id -u)" -ne 0 ]; then
        echo "missing: $*. Run this once as root, or install them yourself." >&2
        exit 1
    fi
    [ -n "${apt_is_fresh:-}" ] || apt-get update -qq
    apt_is_fresh=1
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

command -v cc >/dev/null || install gcc libc6-dev
command -v node >/dev/null || install nodejs
command -v npm >/dev/null || install npm
command -v kill >/dev/null || install procps
command -v make >/dev/null || install make
command -v curl >/dev/null || install curl
command -v script >/dev/null || install bsdutils
command -v zsh >/dev/null || install zsh
command -v fish >/dev/null || install fish
command -v ffmpeg >/dev/null || install ffmpeg
command -v mp3val >/dev/null || install mp3val
command -v mpv >/dev/null || install mpv
[ -x /usr/bin/chromium ] || install chromium
/usr/bin/python3 -c 'import socketio, requests, websocket, websockets' 2>/dev/null ||
    install python3 python3-socketio python3-requests python3-websocket python3-websockets
{ command -v mariadbd && command -v mariadb; } >/dev/null || install mariadb-server mariadb-client
{ command -v redis-server && command -v redis-cli; } >/dev/null || install redis-server redis-tools
{ command -v turnserver && command -v turnutils_uclient; } >/dev/null || install coturn
command -v nginx >/dev/null || install nginx-light
command -v haproxy >/dev/null || install haproxy
[ -e /usr/lib/*/faketime/libfaketime.so.1 ] || install libfaketime
command -v mount >/dev/null || install mount
command -v systemd-analyze >/dev/null || install systemd
/usr/bin/python3 -m pip --version >/dev/null 2>&1 || install python3-pip
servers=target/servers
mkdir -p $servers
[ -x $servers/valkey-server ] || bash src/tests/install-valkey.sh $servers
[ -x $servers/redis-server-6.2 ] || bash src/tests/install-redis-6.2.sh $servers
[ -x $servers/promtool ] || bash src/tests/install-promtool.sh $servers
[ -x $servers/mdbook ] || bash src/tests/install-mdbook.sh $servers
npm ci --prefix src/tests/clients --no-audit --no-fund --loglevel=error

python3 assets/licenses/collect.py --check
cargo fmt --check
cargo clippy --locked --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --quiet
$servers/mdbook build docs
cargo test --locked --no-run
# Pages are tried in one Chromium at a time, which leaves a part of the machine idle: beside all else.
cargo test --locked --test suite browser:: >target/pages.log 2>&1 &
pages=$!
trap 'kill $pages 2>/dev/null || true' EXIT
failed=0
cargo test --locked -- --skip browser:: || failed=1
wait $pages || failed=1
trap - EXIT
cat target/pages.log
exit $failed
