#!/usr/bin/env bash
# Builds build/images/debian-12.qcow2 (or in --out DIR): Debian 12 with cloud-init and an SSH server, as its users would build it,
# booting under SeaBIOS and OVMF. It takes hostname, SSH keys and user data from a config drive, grows to its disk,
# and offers a login on ttyS0 and, with a key of the config drive, as debian over SSH.
# --flavour runner: build/images/debian-12-runner.qcow2, with what the package baremetal-vm-runner depends on, since no package
# source can be reached from the lab's network.
# Packages come from this machine's own apt sources. What is there and current is not built again.
set -euo pipefail

die() { echo "lab/images/debian.sh: $*" >&2; exit 1; }

home=$(cd "$(dirname "$0")/../.." && pwd)
out=$home/build/images
flavour=
while [ $# -gt 0 ]; do
    case "$1" in
        --out) [ $# -ge 2 ] || die "--out needs a folder"; out=$(realpath -m "$2"); shift 2 ;;
        --flavour) [ "${2-}" = runner ] || die "--flavour is runner, or not given"; flavour=-runner; shift 2 ;;
        *) die "unknown argument $1; usage: lab/images/debian.sh [--out DIR] [--flavour runner]" ;;
    esac
done

cd "$home"
. ramdisk/freshness.sh
. lab/images/disk.sh
mkdir -p "$out"
stamp=$out/.debian$flavour.stamp log=$out/debian$flavour.log image=$out/debian-12$flavour.qcow2
exec 9>"$out/.debian$flavour.lock" && flock 9

inputs=$(digest lab/images/{debian.sh,debian,disk.sh} ${flavour:+"lab/images/debian$flavour"})
report() { echo "$1: $image, $(stat -c %s "$image") bytes"; }
if is_current "$stamp" "$inputs" "$image"; then
    report "The Debian image is current"
    exit 0
fi
rm -f "$stamp"
[ "$(id -u)" -eq 0 ] || die "run as root: mmdebstrap makes files that belong to the image's users"

work=$(mktemp -d -p "$out")
trap 'rm -rf "$work"' EXIT
root=$work/root

# ---- Packages --------------------------------------------------------------------------------------
echo "Building the Debian image (a minute or two)"
sources() { apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' 'Origin: Debian' | grep ' bookworm'; }
sources >"$work/sources" || { apt-get update -q >"$log" 2>&1 && sources >"$work/sources"; } \
    || die "this machine has no apt source for Debian 12 (bookworm)"

packages=(
    linux-image-cloud-amd64 initramfs-tools zstd
    systemd-sysv udev dbus systemd-resolved iproute2
    cloud-init cloud-guest-utils fdisk openssh-server sudo
    # instead of usrmerge, which needs all of perl
    usr-is-merged
)
files=(lab/images/debian/etc lab/images/debian/usr)
disk_mib=1536
if [ -n "$flavour" ]; then
    packages+=(podman crun conmon netavark aardvark-dns iptables kmod libdeflate0 libssl3 libzstd1 ca-certificates)
    files+=(lab/images/debian-runner/etc)
    disk_mib=2560
fi
# Recommended packages, and manuals, translations and drivers of far-off hardware, are left out for good:
# the options stay in the image's configuration.
leave_out=()
while read -r path; do leave_out+=("--dpkgopt=path-exclude=$path"); done <lab/images/debian/leave-out.list

mmdebstrap --variant=minbase --mode=root --include="$(IFS=,; echo "${packages[*]}")" \
    --aptopt='APT::Install-Recommends "false"' "${leave_out[@]}" \
    --essential-hook="cp -r ${files[*]} \"\$1\"" \
    bookworm "$root" "$work/sources" >"$log" 2>&1 \
    || { tail -n 20 "$log" >&2; die "mmdebstrap failed; its whole output is in $log"; }

# ---- From an installed system to an image of one ---------------------------------------------------
configure() { chroot "$root" "$@" >>"$log" 2>&1 || { tail -n 20 "$log" >&2; die "in the image, '$*' failed; the whole output is in $log"; }; }
configure apt-get -y purge usrmerge perl libperl5.36 perl-modules-5.36
configure systemctl enable systemd-networkd
# Work for machines that run for days; here it would take the seconds before the first login.
configure systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer

# What each machine must have of its own is made at its first boot.
rm -f "$root"/etc/ssh/ssh_host_*
: >"$root/etc/machine-id"
echo debian >"$root/etc/hostname"
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
echo 'LABEL=root / ext4 errors=remount-ro 0 1' >"$root/etc/fstab"
rm -rf "$root"/var/log/{*.log,apt} "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old

# GRUB itself lies outside of the file system; /vmlinuz and /initrd.img are the links that Debian turns to each new kernel.
# no_timer_check: without KVM on a busy machine the kernel's test of its timer can fail, and it stops.
mkdir -p "$root/boot/grub"
cat >"$root/boot/grub/grub.cfg" <<'CFG'
linux /vmlinuz root=LABEL=root ro console=tty0 console=ttyS0,115200 quiet no_timer_check
initrd /initrd.img
boot
CFG

# ---- The disk --------------------------------------------------------------------------------------
make_disk "$work/debian.raw" "$disk_mib" "$root" root
# zstd rather than zlib: smaller, and decoded in half the time. Clusters of 512 KiB take another 5 % off.
qemu-img convert -f raw -O qcow2 -c -o compression_type=zstd,cluster_size=512k "$work/debian.raw" "$work/image.qcow2"
mv "$work/image.qcow2" "$image"

echo "$inputs" >"$stamp"
report "The Debian image is built"
