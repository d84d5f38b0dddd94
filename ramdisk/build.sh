#!/usr/bin/env bash
# Builds what a machine gets from the network, into build/ramdisk (or --out DIR):
#   vmlinuz        Debian's kernel
#   initrd.img     busybox, the deploy agent and its libraries, the flavour's drivers; ramdisk/init runs it all
#   localboot.efi  for UEFI machines that boot from the network first and shall go on to their own disk
#   rescue.img     what the agent of a machine in rescue fetches (ramdisk/rescue.sh)
# --flavour cloud (virtual servers: the drivers of modules.list; 256 MiB of memory) or server (real ones: those of modules.server.list
# too; 512 MiB, into build/ramdisk-server). --modules NAME… or FILE adds drivers by name. --firmware DIR adds what the drivers declare
# and DIR has, and says what it lacks.
# FAST=1 packs a minute quicker and a sixth bigger. What is there and current is not built again.
set -euo pipefail

die() { echo "ramdisk/build.sh: $*" >&2; exit 1; }

home=$(cd "$(dirname "$0")/.." && pwd)
usage="usage: ramdisk/build.sh [--flavour cloud|server] [--modules NAME…|FILE] [--firmware DIR] [--out DIR]"
flavour=cloud out='' firmware='' modules=()
while [ $# -gt 0 ]; do
    case "$1" in
        --flavour) [ $# -ge 2 ] || die "--flavour needs cloud or server"; flavour=$2; shift 2 ;;
        --out) [ $# -ge 2 ] || die "--out needs a folder"; out=$(realpath -m "$2"); shift 2 ;;
        --firmware)
            [ $# -ge 2 ] && [ -d "$2" ] || die "--firmware needs a folder with firmware, such as /lib/firmware"
            firmware=$(realpath "$2"); shift 2 ;;
        --modules)
            shift
            [ $# -gt 0 ] && [[ $1 != --* ]] || die "--modules needs names of modules, or a file of them, one a line"
            while [ $# -gt 0 ] && [[ $1 != --* ]]; do
                if [ -f "$1" ]; then mapfile -t -O ${#modules[@]} modules <"$1"; else modules+=("$1"); fi
                shift
            done ;;
        *) die "unknown argument $1; $usage" ;;
    esac
done
# What the agent, its buffers and the unpacked ramdisk need, as installed RAM; the kernel keeps some of it, so that MemTotal of such a
# machine is lower.
case "$flavour" in
    cloud) needs_mib=256 least_total_mib=192 lists=(ramdisk/modules.list); out=${out:-$home/build/ramdisk} ;;
    server) needs_mib=512 least_total_mib=400 lists=(ramdisk/modules.list ramdisk/modules.server.list); out=${out:-$home/build/ramdisk-server} ;;
    *) die "unknown flavour $flavour; $usage" ;;
esac
level=22
[ "${FAST:-}" != 1 ] || level=6

cd "$home"
. ramdisk/freshness.sh
. ramdisk/tree.sh
. ramdisk/firmware.sh
mkdir -p "$out"
ramdisk/rescue.sh --out "$out"
exec 9>"$out/.lock" && flock 9

release=$(ramdisk/kernel.sh "$flavour")
kernel=build/kernel/$flavour
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
    "$kernel/release" "flavour $flavour" "modules ${modules[*]}" ${firmware:+"$firmware"} "$busybox" "${loaded[@]}" \
    /lib/x86_64-linux-gnu/{libc.so.6,libm.so.6,libstdc++.so.6,libgcc_s.so.1,libresolv.so.2})
outputs=("$out"/{vmlinuz,initrd.img,localboot.efi})
report() {
    local sizes
    sizes=$(cd "$out" && stat -c '%n %s' vmlinuz initrd.img localboot.efi | tr '\n' ' ')
    echo "$1 (bytes): ${sizes}in $out"
}

# One that is packed better serves whoever asked for the quick one, too.
if is_current "$out/.stamp" "$inputs zstd-22" "${outputs[@]}" || is_current "$out/.stamp" "$inputs zstd-$level" "${outputs[@]}"; then
    report "The ramdisk is current"
    exit 0
fi
for module in "${modules[@]}"; do
    # A comment or an empty line of a file of names.
    [[ $module =~ ^[[:space:]]*(\#.*)?$ ]] || modinfo -b "$kernel" -k "$release" -n "${module%%#*}" >/dev/null 2>&1 \
        || die "the kernel $release has no module $module; ls $kernel/lib/modules/$release/kernel/drivers shows what it has"
done
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
# Here and not in a file of its own: with too little memory, that file might not be there.
sed "s/^needs_mib=.*/needs_mib=$needs_mib/; s/^least_total_mib=.*/least_total_mib=$least_total_mib/" ramdisk/init >"$root/init"
chmod 755 "$root/init"
install -m 755 ramdisk/lease "$root/etc/lease"

{ cat "${lists[@]}"; printf '%s\n' "${modules[@]}"; } | add_modules "$root" "$flavour"
[ -z "$firmware" ] || add_firmware "$root" "$release" "$firmware"
pack "$root" "$level" >"$out/initrd.img"

# ---- The kernel, and the way past it ---------------------------------------------------------------
cp "$kernel/boot/vmlinuz-$release" "$out/vmlinuz"
grub-mkimage -O x86_64-efi -c ramdisk/localboot.cfg -p / -o "$out/localboot.efi" \
    part_gpt part_msdos fat chain search search_fs_file echo test sleep normal boot configfile

echo "$inputs zstd-$level" >"$out/.stamp"
report "The ramdisk is built"
