# shellcheck shell=bash
# Sourced, at the repository's root: a disk image that SeaBIOS and OVMF boot, without root's loop devices, mounts or grub-install.
#
#   1 MiB   BIOS boot partition   GRUB's core.img, which the boot code in LBA 0 loads
#   4 MiB   EFI system partition  /EFI/BOOT/BOOTX64.EFI, GRUB again
#   rest    root                  ext4; GRUB finds /boot/grub/grub.cfg there

bios_start_mib=1 esp_start_mib=2 root_start_mib=6

# poke FILE OFFSET VALUE BYTES: writes an unsigned little-endian number in place.
poke() {
    local value=$3 bytes='' i
    for ((i = 0; i < $4; i++)); do bytes+=$(printf '\\x%02x' $((value >> 8 * i & 255))); done
    printf "$bytes" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# place FILE IMAGE MIB: copies a file into the image, leaving holes where it has zeros.
place() { dd if="$1" of="$2" bs=1M seek="$3" conv=notrunc,sparse status=none; }

# grub FORMAT PARTITION OUTPUT MODULE…: GRUB with what it needs to reach a partition (gpt3, msdos1) of the disk that it was itself
# loaded from, whatever else is attached: a copy of the same image on a second disk is not taken for it.
grub() {
    local format=$1 partition=$2 output=$3
    shift 3
    grub-mkimage -O "$format" -p "(,$partition)/boot/grub" -o "$output" "part_${partition%%[0-9]*}" ext2 linux normal configfile echo test reboot "$@"
}

# boot_by_bios IMAGE PARTITION SECTOR SECTORS: boot code in LBA 0, and from SECTOR on GRUB's core.img, which has room for so many sectors.
boot_by_bios() {
    local image=$1 partition=$2 sector=$3 room=$4 parts core_sectors
    parts=$(mktemp -d -p "$(dirname "$image")")

    # What grub-bios-setup would write. In boot.img: where core.img begins (0x5c), and two NOPs (0x66) for firmware that passes
    # a wrong drive number. At the end of core.img's first sector: where its second one is (0x1f4) and how many follow (0x1fc).
    grub i386-pc "$partition" "$parts/core.img" biosdisk
    cp /usr/lib/grub/i386-pc/boot.img "$parts/boot.img"
    core_sectors=$((($(stat -c %s "$parts/core.img") + 511) / 512))
    [ $core_sectors -le "$room" ] || { echo "lab/images: GRUB's core.img has $core_sectors sectors, and there is room for $room" >&2; return 1; }
    poke "$parts/boot.img" $((0x5c)) "$sector" 8
    poke "$parts/boot.img" $((0x66)) $((0x9090)) 2
    poke "$parts/core.img" $((0x1f4)) $((sector + 1)) 8
    poke "$parts/core.img" $((0x1fc)) $((core_sectors - 1)) 2
    dd if="$parts/boot.img" of="$image" bs=440 count=1 conv=notrunc status=none
    dd if="$parts/core.img" of="$image" bs=512 seek="$sector" conv=notrunc status=none

    rm -r "$parts"
}

# make_disk IMAGE SIZE_MIB ROOT LABEL [mkfs.ext4 OPTION…]: a raw image of a folder that holds /boot/grub/grub.cfg.
make_disk() {
    local image=$1 size_mib=$2 root=$3 label=$4 parts
    shift 4
    parts=$(mktemp -d -p "$(dirname "$image")")

    rm -f "$image"
    truncate -s "${size_mib}M" "$image"
    sgdisk --clear \
        --new=1:${bios_start_mib}M:+1M --typecode=1:ef02 --change-name=1:bios \
        --new=2:${esp_start_mib}M:+4M --typecode=2:ef00 --change-name=2:esp \
        --new=3:${root_start_mib}M:0 --typecode=3:8304 --change-name=3:root "$image" >/dev/null

    # The last MiB stays free for the backup GPT.
    truncate -s $((size_mib - root_start_mib - 1))M "$parts/root"
    mkfs.ext4 -q -L "$label" -d "$root" "$@" "$parts/root"
    place "$parts/root" "$image" $root_start_mib

    grub x86_64-efi gpt3 "$parts/BOOTX64.EFI" fat efi_gop
    mkfs.vfat -C -n ESP "$parts/esp" 4096 >/dev/null
    mmd -i "$parts/esp" ::EFI ::EFI/BOOT
    mcopy -i "$parts/esp" "$parts/BOOTX64.EFI" ::EFI/BOOT/
    place "$parts/esp" "$image" $esp_start_mib

    rm -r "$parts"

    boot_by_bios "$image" gpt3 $((bios_start_mib * 2048)) 2048
}
