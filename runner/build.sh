#!/usr/bin/env bash
# Builds build/runner/base.tar (or --out DIR): the root file system of every VM's container, from this machine's own packages: QEMU, what
# sets up the network, and vm-runner, its first process. Nothing of it is downloaded, and Debian's patches reach it with the next build.
# Import it with: podman import -c 'ENTRYPOINT ["/usr/bin/vm-runner","supervise"]' -c 'VOLUME ["/image"]' build/runner/base.tar NAME
# What is there and current is not built again.
set -euo pipefail

die() { echo "runner/build.sh: $*" >&2; exit 1; }

home=$(cd "$(dirname "$0")/.." && pwd)
out=$home/build/runner
while [ $# -gt 0 ]; do
    case "$1" in
        --out) [ $# -ge 2 ] || die "--out needs a folder"; out=$(realpath -m "$2"); shift 2 ;;
        *) die "unknown argument $1; usage: runner/build.sh [--out DIR]" ;;
    esac
done

cd "$home"
. ramdisk/freshness.sh
mkdir -p "$out"
exec 9>"$out/.lock" && flock 9

programs=(qemu-system-x86_64 qemu-img ip nft setpriv stat chown mkfs.vfat mcopy)
for program in "${programs[@]}"; do command -v "$program" >/dev/null || die "there is no $program; lab/setup.sh installs it"; done
# Opened by name while they run, so that ldd does not tell: QEMU's emulation, and what our own programs call.
libraries=(/usr/lib/x86_64-linux-gnu/qemu/accel-tcg-x86_64.so /usr/lib/x86_64-linux-gnu/{libdeflate.so.0,libzstd.so.1,libssl.so.3,libcrypto.so.3})

# DOS's code page 850, by which mkfs.vfat and mcopy write names.
codepage=(/usr/lib/x86_64-linux-gnu/gconv/{gconv-modules.cache,IBM850.so})

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dotnet publish src/VmRunner -c Release -o "$work/vm-runner" -v quiet -nologo >"$out/publish.log" 2>&1 \
    || { tail -n 20 "$out/publish.log" >&2; die "vm-runner does not build; the whole output is in $out/publish.log"; }
programs+=("$work/vm-runner/vm-runner")

inputs=$(digest runner/build.sh "$(sha256sum <"$work/vm-runner/vm-runner")" $(for program in "${programs[@]}"; do command -v "$program"; done) "${libraries[@]}" "${codepage[@]}" /usr/share/seabios)
if is_current "$out/.stamp" "$inputs" "$out/base.tar"; then
    echo "The containers' base is current: $out/base.tar, $(stat -c %s "$out/base.tar") bytes"
    exit 0
fi
rm -f "$out/.stamp"

root=$work/root
mkdir -p "$root"/{dev,etc,image,proc,run,sys,tmp,usr/bin,usr/lib/x86_64-linux-gnu/{gconv,qemu},usr/lib64,usr/share/qemu}
for folder in bin sbin lib lib64; do ln -s "usr/${folder/sbin/bin}" "$root/$folder"; done
ln -s bin "$root/usr/sbin"

for program in "${programs[@]}"; do cp -L "$(command -v "$program")" "$root/usr/bin/"; done
cp -L "${codepage[@]}" "$root/usr/lib/x86_64-linux-gnu/gconv/"
cp -L "${libraries[@]:0:1}" "$root/usr/lib/x86_64-linux-gnu/qemu/"
{ printf '%s\n' "${libraries[@]:1}"; ldd "$root"/usr/bin/* "${libraries[@]}" | awk '$2 == "=>" && $3 ~ "^/" { print $3 }'; } | xargs -n 1 realpath -s | sed "s,^/lib/,/usr/lib/," | sort -u | xargs cp -L -t "$root/usr/lib/x86_64-linux-gnu/"
cp -L /lib64/ld-linux-x86-64.so.2 "$root/usr/lib64/"

# The guest's firmware, the display's, and what QEMU puts before some machines; keymaps for VNC.
cp -rL /usr/share/seabios "$root/usr/share/seabios"
cp -L /usr/share/qemu/{kvmvapic,linuxboot_dma}.bin "$root/usr/share/qemu/"
cp -rL /usr/share/qemu/keymaps "$root/usr/share/qemu/"

printf 'root:x:0:0:root:/:/bin/false\nqemu:x:107:107:qemu:/:/bin/false\n' >"$root/etc/passwd"
printf 'root:x:0:\nqemu:x:107:\n' >"$root/etc/group"

tar -C "$root" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf "$out/base.tar" .
echo "$inputs" >"$out/.stamp"
echo "The containers' base is built: $out/base.tar, $(stat -c %s "$out/base.tar") bytes"
