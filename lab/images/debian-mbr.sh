#!/usr/bin/env bash
# Builds build/images/debian-12-mbr.qcow2 (or in --out DIR): the disk of debian.sh with an MBR in place of its GPT. The root file system is
# the same, byte for byte and at the same place; GRUB lies in the gap before it, and the disk boots under SeaBIOS alone.
# What is there and current is not built again.
set -euo pipefail

die() { echo "lab/images/debian-mbr.sh: $*" >&2; exit 1; }

home=$(cd "$(dirname "$0")/../.." && pwd)
out=$home/build/images
while [ $# -gt 0 ]; do
    case "$1" in
        --out) [ $# -ge 2 ] || die "--out needs a folder"; out=$(realpath -m "$2"); shift 2 ;;
        *) die "unknown argument $1; usage: lab/images/debian-mbr.sh [--out DIR]" ;;
    esac
done

cd "$home"
. ramdisk/freshness.sh
. lab/images/disk.sh
lab/images/debian.sh --out "$out"
exec 9>"$out/.debian-mbr.lock" && flock 9

inputs=$(digest lab/images/{debian-mbr.sh,disk.sh} "$(cat "$out/.debian.stamp")")
report() { echo "$1: $out/debian-12-mbr.qcow2, $(stat -c %s "$out/debian-12-mbr.qcow2") bytes"; }
if is_current "$out/.debian-mbr.stamp" "$inputs" "$out/debian-12-mbr.qcow2"; then
    report "The Debian image with an MBR is current"
    exit 0
fi
rm -f "$out/.debian-mbr.stamp"

work=$(mktemp -d -p "$out")
trap 'rm -rf "$work"' EXIT
disk=$work/debian-12-mbr.raw

qemu-img convert -O raw "$out/debian-12.qcow2" "$work/debian-12.raw"
truncate -r "$work/debian-12.raw" "$disk"
echo "start=${root_start_mib}MiB, type=83, bootable" | sfdisk --quiet --label dos "$disk"
# Without the last MiB, where the backup GPT is.
dd if="$work/debian-12.raw" of="$disk" bs=1M skip=$root_start_mib seek=$root_start_mib conv=notrunc,sparse status=none \
    count=$(($(stat -c %s "$disk") / 1048576 - root_start_mib - 1))
boot_by_bios "$disk" msdos1 1 2047
qemu-img convert -f raw -O qcow2 -c -o compression_type=zstd,cluster_size=512k "$disk" "$work/debian-12-mbr.qcow2"
mv "$work/debian-12-mbr.qcow2" "$out/"

echo "$inputs" >"$out/.debian-mbr.stamp"
report "The Debian image with an MBR is built"
