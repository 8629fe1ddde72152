#!/usr/bin/env bash
# Puts Valkey's server into a folder, out of the system's package or that of its backports; nothing is installed.
set -euo pipefail
into=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
from=()
apt-cache show valkey-tools >/dev/null 2>&1 || apt-get update -qq
if ! apt-cache show valkey-tools >/dev/null 2>&1; then
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $codename-backports main" \
        >"$work/backports.list"
    mkdir -p "$work/lists/partial"
    from=(-o "Dir::Etc::sourcelist=$work/backports.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$work/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=)
    apt-get "${from[@]}" -o APT::Sandbox::User=root update -qq
fi
(cd "$work" && apt-get "${from[@]}" -o APT::Sandbox::User=root download -qq valkey-tools)
dpkg -x "$work"/valkey-tools_*.deb "$work/package"
# One program, which is what it is called: a checker of files, or the server.
install -m 755 "$work/package/usr/bin/valkey-check-rdb" "$into/valkey-server"
"$into/valkey-server" --version >/dev/null
