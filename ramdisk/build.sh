#!/usr/bin/env bash
# Builds what a machine gets from the network, into build/ramdisk (or --out DIR):
#   vmlinuz        Debian's cloud kernel
#   initrd.img     busybox, the deploy agent and its libraries, the drivers of modules.list; ramdisk/init runs it all
#   localboot.efi  for UEFI machines that boot from the network first and shall go on to their own disk
# FAST=1 packs a minute quicker and a sixth bigger. What is there and current is not built again.
set -euo pipefail

die() { echo "ramdisk/build.sh: $*" >&2; exit 1; }

home=$(cd "$(dirname "$0")/.." && pwd)
out=$home/build/ramdisk
while [ $# -gt 0 ]; do
    case "$1" in
        --out) [ $# -ge 2 ] || die "--out needs a folder"; out=$(realpath -m "$2"); shift 2 ;;
        *) die "unknown argument $1; usage: ramdisk/build.sh [--out DIR]" ;;
    esac
done
level=19
[ "${FAST:-}" != 1 ] || level=6

cd "$home"
. ramdisk/freshness.sh
. ramdisk/tree.sh
mkdir -p "$out"
exec 9>"$out/.lock" && flock 9

release=$(ramdisk/kernel.sh)
# Not this machine's own, which may be the static one and then brings a second glibc.
busybox=$(ramdisk/package.sh busybox)/bin/busybox

# Loaded by name, so that no ldd of the agent shows them: OpenSSL as soon as .NET hashes, and the decompressors of the image formats.
loaded=()
for name in libssl.so.3 libcrypto.so.3 libdeflate.so.0 libzstd.so.1; do
    path=$(ldconfig -p | awk -v name="$name" '$1 == name && /x86-64/ && !seen++ { print $NF }')
    [ -n "$path" ] || die "$name is not on this machine; run lab/setup.sh"
    loaded+=("$path")
done

# ---- Is it current? --------------------------------------------------------------------------------
inputs=$(digest ramdisk src/{Api,Trust,Imaging,DeployAgent} Directory.{Build,Packages}.props global.json \
    build/kernel/release "$busybox" "${loaded[@]}" /lib/x86_64-linux-gnu/{libc.so.6,libm.so.6,libstdc++.so.6,libgcc_s.so.1,libresolv.so.2})
outputs=("$out"/{vmlinuz,initrd.img,localboot.efi})
report() {
    local sizes
    sizes=$(cd "$out" && stat -c '%n %s' vmlinuz initrd.img localboot.efi | tr '\n' ' ')
    echo "$1 (bytes): ${sizes}in $out"
}

# One that is packed better serves whoever asked for the quick one, too.
if is_current "$out/.stamp" "$inputs zstd-19" "${outputs[@]}" || is_current "$out/.stamp" "$inputs zstd-$level" "${outputs[@]}"; then
    report "The ramdisk is current"
    exit 0
fi
echo "Building the ramdisk (about a minute)"
rm -f "$out/.stamp"

# ---- The tree --------------------------------------------------------------------------------------
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
libraries=$root/usr/lib/x86_64-linux-gnu
mkdir -p "$root"/{dev,etc,lib64,proc,run,sys,tmp,usr/sbin} "$libraries"

dotnet publish src/DeployAgent -c Release -o "$work/agent" -v quiet -nologo >"$out/publish.log" 2>&1 \
    || { tail -n 20 "$out/publish.log" >&2; die "the agent does not build; the whole output is in $out/publish.log"; }
cp "$work/agent/deploy-agent" "$root/usr/sbin/"
{ printf '%s\n' "${loaded[@]}"; ldd "$work/agent/deploy-agent" "$busybox" "${loaded[@]}" | awk '$2 == "=>" { print $3 }'; } | sort -u | xargs cp -L -t "$libraries"
cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64/"

add_busybox "$root" "$busybox"
install -m 755 ramdisk/init "$root/init"
install -m 755 ramdisk/lease "$root/etc/lease"

add_modules "$root" "$release" <ramdisk/modules.list
pack "$root" $level >"$out/initrd.img"

# ---- The kernel, and the way past it ---------------------------------------------------------------
cp "build/kernel/boot/vmlinuz-$release" "$out/vmlinuz"
grub-mkimage -O x86_64-efi -c ramdisk/localboot.cfg -p / -o "$out/localboot.efi" \
    part_gpt part_msdos fat chain search search_fs_file echo test sleep normal boot configfile

echo "$inputs zstd-$level" >"$out/.stamp"
report "The ramdisk is built"
