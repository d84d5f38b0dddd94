#!/usr/bin/env bash
# Installs what the demo, the tests and the benchmarks need on Debian 12, and nothing else.
# No service is started: policy-rc.d forbids it while apt runs. Run as root; says what it does first.
# Further packages may be named: lab/setup.sh [PACKAGE ...]
set -euo pipefail

packages=(
    # virtual servers and their firmware
    qemu-system-x86 qemu-utils ovmf seabios ipxe ipxe-qemu
    # the lab's network, and the servers that we live beside in the tests
    iproute2 dnsmasq-base openssh-client
    # the ramdisk
    busybox-static kmod cpio zstd libdeflate0 dropbear-bin
    # disk images: Debian with cloud-init, and a tiny one
    mmdebstrap mtools dosfstools xorriso gdisk fdisk e2fsprogs grub-pc-bin grub-efi-amd64-bin grub-common
    # what the conductor loads and runs
    libsqlite3-0 openssl ipmitool
    # a BMC of virtual servers
    openipmi curl
    # VM containers
    podman runc conmon netavark aardvark-dns iptables nftables util-linux iputils-ping
    # peers and checks
    tftp-hpa xz-utils xfsprogs btrfs-progs
)

packages+=("$@")

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

[ "$(id -u)" -eq 0 ] || { echo "lab/setup.sh: run as root to install: ${missing[*]}" >&2; exit 1; }
echo "Installing Debian packages (no service is started): ${missing[*]}"

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi

log=$(mktemp /tmp/baremetal-setup.XXXXXX.log)
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    echo "lab/setup.sh: apt-get could not install the packages above; its whole output is in $log" >&2
    exit 1
fi
rm -f "$log"
