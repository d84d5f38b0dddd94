#!/usr/bin/env bash
# Builds build/ramdisk/rescue.img (or in --out DIR): what the agent of a machine in rescue fetches and the ramdisk unpacks over itself: an SSH
# server (Debian's dropbear), and ramdisk/rescue, which runs it while the agent has put an operator's key there. It is no part of initrd.img,
# which every boot fetches. What is there and current is not built again.
set -euo pipefail

die() { echo "ramdisk/rescue.sh: $*" >&2; exit 1; }

home=$(cd "$(dirname "$0")/.." && pwd)
out=$home/build/ramdisk
while [ $# -gt 0 ]; do
    case "$1" in
        --out) [ $# -ge 2 ] || die "--out needs a folder"; out=$(realpath -m "$2"); shift 2 ;;
        *) die "unknown argument $1; usage: ramdisk/rescue.sh [--out DIR]" ;;
    esac
done

cd "$home"
. ramdisk/freshness.sh
mkdir -p "$out"
exec 9>"$out/.rescue.lock" && flock 9

programs=(/usr/sbin/dropbear /usr/bin/dropbearkey)
for program in "${programs[@]}"; do [ -x "$program" ] || die "$program is not on this machine; run lab/setup.sh"; done

# What initrd.img has is not packed a second time.
libraries=$(ldd "${programs[@]}" | awk '$2 == "=>" && $1 != "libc.so.6" { print $3 }' | sort -u)
# shellcheck disable=SC2086  # a list of files
inputs=$(digest ramdisk/{rescue,rescue.sh,freshness.sh} "${programs[@]}" $libraries)
report() { echo "$1: $out/rescue.img, $(stat -c %s "$out/rescue.img") bytes"; }
if is_current "$out/.rescue.stamp" "$inputs" "$out/rescue.img"; then
    report "The rescue ramdisk is current"
    exit 0
fi
rm -f "$out/.rescue.stamp"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{etc,usr/sbin,usr/lib/x86_64-linux-gnu,root}
chmod 700 "$root/root"
cp "${programs[@]}" "$root/usr/sbin/"
# shellcheck disable=SC2086
cp -L $libraries "$root/usr/lib/x86_64-linux-gnu/"
install -m 755 ramdisk/rescue "$root/etc/rescue"
echo 'root:*:0:0:root:/root:/bin/sh' >"$root/etc/passwd"

find "$root" -exec touch -h -d @0 {} +
(cd "$root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc --reproducible -R 0:0 | xz -9e --check=crc32) >"$out/rescue.img"
echo "$inputs" >"$out/.rescue.stamp"
report "The rescue ramdisk is built"
