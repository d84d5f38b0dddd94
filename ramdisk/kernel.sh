#!/usr/bin/env bash
# Puts a Debian kernel under build/kernel/FLAVOUR (boot/, lib/modules/RELEASE/) and prints RELEASE.
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
    unpacked=$(ramdisk/package.sh $package)
    rm -rf "$kernel"
    ln -s "../packages/${unpacked##*/}" "$kernel"
    release=$(ls "$kernel/lib/modules")
    depmod -b "$kernel" "$release"
    echo "$release" >"$kernel/release"
fi
cat "$kernel/release"
