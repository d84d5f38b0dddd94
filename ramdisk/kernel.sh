#!/usr/bin/env bash
# Puts a Debian kernel under build/kernel/FLAVOUR (boot/, lib/modules/RELEASE/) and prints RELEASE.
# The package is downloaded once and unpacked, never installed on this machine; without build/kernel/FLAVOUR, the newest is fetched.
#   cloud    for virtual servers: virtio, NVMe and the clouds' own devices; no AHCI, no e1000
#   server   the kernel that Debian installs on real servers, with the drivers of everything
set -euo pipefail
cd "$(dirname "$0")/.."

die() { echo "ramdisk/kernel.sh: $*" >&2; exit 1; }

case "${1:-}" in
    cloud) package=linux-image-cloud-amd64 ;;
    server) package=linux-image-amd64 ;;
    *) die "usage: ramdisk/kernel.sh cloud|server" ;;
esac
kernel=build/kernel/$1
mkdir -p build/kernel
exec 8>"$kernel.lock" && flock 8

if [ ! -e "$kernel/release" ]; then
    # The meta-package holds no kernel: its dependency is the kernel of the day.
    resolve() { apt-cache depends $package 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p'; }
    download() { (cd "$kernel" && apt-get download -q -o APT::Sandbox::User=root "$(resolve)") >"$kernel/download.log" 2>&1; }

    rm -rf "$kernel" && mkdir "$kernel"
    # Lists that are missing, or older than the mirror, are the usual reason for a first failure.
    if ! { [ -n "$(resolve)" ] && download; }; then
        apt-get update -q >"$kernel/update.log" 2>&1 || die "apt-get update failed; its output is in $kernel/update.log"
        [ -n "$(resolve)" ] || die "no apt source of this machine offers $package; add Debian 12's main"
        download || die "apt-get could not download $(resolve); its output is in $kernel/download.log"
    fi
    dpkg-deb -x "$kernel"/*.deb "$kernel"
    rm "$kernel"/*.deb
    release=$(ls "$kernel/lib/modules")
    depmod -b "$kernel" "$release"
    echo "$release" >"$kernel/release"
fi
cat "$kernel/release"
