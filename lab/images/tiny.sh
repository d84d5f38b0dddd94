#!/usr/bin/env bash
# Builds build/images/tiny.raw and tiny.qcow2 (or --out DIR): a disk that boots in seconds under SeaBIOS and OVMF,
# for tests that need a real operating system but not a large one: Debian's cloud kernel, busybox, GRUB.
# With --flavour server, build/images/tiny-server.*: the same with the kernel and the drivers of the ramdisk's flavour of that name.
# It takes its hostname and SSH keys from a config drive on its own disk or another, asks for an address, serves a page on port 80, hears its
# power button (and says TINY-POWER-BUTTON), and says on ttyS0
#   TINY-READY host=NAME seed=configdrive|none instance=UUID keys=N ip=ADDRESS|none fw=bios|uefi root=PARTUUID=ID|none release=1
# Other formats are one `qemu-img convert` of tiny.raw away. tiny-root.qcow2, tiny-root.vmlinuz and tiny-root.initrd are the same as a
# partition image: a root file system alone, without a /boot, and what boots it. What is there and current is not built again.
set -euo pipefail

die() { echo "lab/images/tiny.sh: $*" >&2; exit 1; }

home=$(cd "$(dirname "$0")/../.." && pwd)
out=$home/build/images
flavour=cloud
while [ $# -gt 0 ]; do
    case "$1" in
        --out) [ $# -ge 2 ] || die "--out needs a folder"; out=$(realpath -m "$2"); shift 2 ;;
        --flavour) [ $# -ge 2 ] || die "--flavour needs cloud or server"; flavour=$2; shift 2 ;;
        *) die "unknown argument $1; usage: lab/images/tiny.sh [--flavour cloud|server] [--out DIR]" ;;
    esac
done
case "$flavour" in
    cloud) name=tiny lists=(lab/images/tiny/modules.list) ;;
    # Of real servers' drivers only those of the devices that QEMU plays.
    server) name=tiny-server lists=(lab/images/tiny/modules.list lab/images/tiny/modules.server.list) ;;
    *) die "unknown flavour $flavour" ;;
esac

cd "$home"
. ramdisk/freshness.sh
. ramdisk/tree.sh
. lab/images/disk.sh
mkdir -p "$out"
exec 9>"$out/.$name.lock" && flock 9

release=$(ramdisk/kernel.sh "$flavour")
inputs=$(digest lab/images/{tiny.sh,tiny,disk.sh} ramdisk/tree.sh "build/kernel/$flavour/release" "$flavour" /bin/busybox)
report() { echo "$1: $out/$name.qcow2, $(stat -c %s "$out/$name.qcow2") bytes ($(stat -c %s "$out/$name.raw") raw)"; }
if is_current "$out/.$name.stamp" "$inputs" "$out/$name".{raw,qcow2} "$out/$name-root".{qcow2,vmlinuz,initrd}; then
    report "The tiny image is current"
    exit 0
fi
rm -f "$out/.$name.stamp"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The initial ramdisk has all the drivers, so that the root file system needs none.
initrd=$work/initrd
mkdir -p "$initrd"/{dev,proc,sys,root}
add_busybox "$initrd" /bin/busybox
install -m 755 lab/images/tiny/initrd-init "$initrd/init"
cat "${lists[@]}" | add_modules "$initrd" "$flavour"

root=$work/root
mkdir -p "$root"/{boot/grub,dev,etc,mnt,proc,root,run,sys,tmp,var}
add_busybox "$root" /bin/busybox
ln -s bin "$root/sbin"
install -m 644 lab/images/tiny/inittab "$root/etc/inittab"
install -m 755 lab/images/tiny/rc "$root/etc/rc"
install -m 755 lab/images/tiny/lease "$root/etc/lease"
install -D -m 755 lab/images/tiny/power-button "$root/etc/acpi/PWRF/00000080"
install -m 755 lab/images/tiny/curl "$root/bin/curl"
echo 'root::0:0:root:/root:/bin/sh' >"$root/etc/passwd"
cp "build/kernel/$flavour/boot/vmlinuz-$release" "$root/boot/vmlinuz"
pack "$initrd" 19 >"$root/boot/initrd.img"
# no_timer_check: without KVM on a busy machine the kernel's test of its timer can fail, and it stops.
cat >"$root/boot/grub/grub.cfg" <<'CFG'
linux /boot/vmlinuz console=ttyS0 quiet no_timer_check panic=10
initrd /boot/initrd.img
boot
CFG

# No journal: a test may cut the power, but nothing is written here that is worth one.
make_disk "$out/$name.raw" 96 "$root" tiny-root -O ^has_journal -m 0
qemu-img convert -f raw -O qcow2 -c "$out/$name.raw" "$out/$name.qcow2"

mv "$root/boot/vmlinuz" "$out/$name-root.vmlinuz"
mv "$root/boot/initrd.img" "$out/$name-root.initrd"
rm -r "$root/boot"
truncate -s 16M "$work/root.ext4"
mkfs.ext4 -q -L tiny-root -d "$root" -O ^has_journal -m 0 "$work/root.ext4"
qemu-img convert -f raw -O qcow2 -c "$work/root.ext4" "$out/$name-root.qcow2"

echo "$inputs" >"$out/.$name.stamp"
report "The tiny image is built"
