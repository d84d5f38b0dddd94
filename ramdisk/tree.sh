# shellcheck shell=bash
# Sourced, at the repository's root: what goes into an initial ramdisk, and how it is packed.

# add_busybox ROOT BINARY
add_busybox() {
    local root=$1 binary=$2 applet
    mkdir -p "$root/bin"
    cp "$binary" "$root/bin/"
    for applet in $("$binary" --list); do
        [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
    done
}

# add_modules ROOT KERNEL < names, one a line, with # comments: these modules of build/kernel/KERNEL and what they depend on.
add_modules() {
    local root=$1 kernel=build/kernel/$2 release modules
    release=$(cat "$kernel/release")
    modules=$root/lib/modules/$release
    mkdir -p "$modules"
    sed 's/#.*//' \
        | xargs -n 1 modprobe -d "$kernel" -S "$release" --show-depends \
        | awk '$1 == "insmod" { print $2 }' | sort -u \
        | xargs cp -t "$modules"
    cp "$kernel/lib/modules/$release"/modules.{builtin,builtin.modinfo,order} "$modules"
    depmod -b "$root" "$release"
    # busybox reads the indexes that are text.
    rm "$modules"/modules.{*.bin,builtin.modinfo,order,devname}
}

# pack ROOT LEVEL: the tree as the kernel unpacks it, on standard output. The same tree gives the same bytes.
# Folders, /init, busybox and what it is linked to come first and /complete last: where memory ends in the middle of
# unpacking, /init still runs, sees that /complete is missing, and can say so. A window of 16 MiB is what a machine of 256 MiB can spare.
pack() (
    local level=$2 early
    cd "$1"
    touch complete
    find . -exec touch -h -d @0 {} +
    early='\./\(init\|bin/.*\|lib64/.*\|usr/lib/.*/lib\(c\|resolv\)\.so\..*\)'
    {
        find . -type d | LC_ALL=C sort
        find . ! -type d -regex "$early" | LC_ALL=C sort
        find . ! -type d ! -regex "$early" ! -path ./complete | LC_ALL=C sort
        echo complete
    } | cpio --quiet -o -H newc --reproducible -R 0:0 | zstd -q -T0 --ultra --zstd=wlog=24 "-$level"
)
