#!/usr/bin/env bash
# Puts a Debian package, unpacked, under build/packages/NAME and prints that folder: ramdisk/package.sh NAME.
# Of a meta-package (linux-image-amd64), which holds nothing, it is the kernel of the day that it depends on.
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
    resolve() {
        local kernel
        kernel=$(apt-cache depends "$name" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p')
        echo "${kernel:-$name}"
    }
    download() { (cd "$folder" && apt-get download -q -o APT::Sandbox::User=root "$(resolve)") >>"$log" 2>&1; }

    rm -rf "$folder" "$log" && mkdir "$folder"
    # Lists that are missing, or older than the mirror, are the usual reason for a first failure.
    if ! download; then
        apt-get update -q >>"$log" 2>&1 || die "apt-get update failed; its output is in $log"
        download || die "apt-get could not download $(resolve), which is in Debian 12's main; its output is in $log"
    fi
    dpkg-deb -x "$folder"/*.deb "$folder"
    rm "$folder"/*.deb
    touch "$folder/.complete"
fi
echo "$folder"
