#!/usr/bin/env bash
# Puts Prometheus' checker into a folder, out of the system's package; nothing is installed.
set -euo pipefail
into=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
apt-cache show prometheus >/dev/null 2>&1 || apt-get update -qq
(cd "$work" && apt-get -o APT::Sandbox::User=root download -qq prometheus)
dpkg -x "$work"/prometheus_*.deb "$work/package"
install -m 755 "$work/package/usr/bin/promtool" "$into/promtool"
"$into/promtool" --version >/dev/null
