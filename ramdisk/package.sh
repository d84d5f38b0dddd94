#!/usr/bin/env bash
# Puts a Debian package, unpacked, under build/packages/NAME and prints that folder: ramdisk/package.sh NAME.
# It is downloaded once and never installed on this machine; without the folder, the newest is fetched.
set -euo pipefail
cd "$(dirname "$0")/.."

die() { echo "ramdisk/package.sh: $*" >&2; exit 1; }

[ $# -eq 1 ] || die "usage: ramdisk/package.sh NAME"
name=$1
folder=build/packages/$name
log=$folder.log
mkdir -p build/packages
exec 7>"$folder.lock" && flock 7

if [ ! -e "$folder/.complete" ]; then
    download() { (cd "$folder" && apt-get download -q -o APT::Sandbox::User=root "$name") >>"$log" 2>&1; }

    rm -rf "$folder" "$log" && mkdir "$folder"
    # Lists that are missing, or older than the mirror, are the usual reason for a first failure.
    if ! download; then
        apt-get update -q >>"$log" 2>&1 || die "apt-get update failed; its output is in $log"
        download || die "apt-get could not download $name, which is in Debian 12's main; its output is in $log"
    fi
    dpkg-deb -x "$folder"/*.deb "$folder"
    rm "$folder"/*.deb
    touch "$folder/.complete"
fi
echo "$folder"
