#!/usr/bin/env bash
# Builds build/deb/baremetal-vm-runner_VERSION_amd64.deb (or --out DIR): vm-runner, the containers' base image, the systemd unit. The same program is
# on the host and in the containers, so it is taken from the base image. What is there and current is not built again.
set -euo pipefail

die() { echo "packaging/baremetal-vm-runner/build.sh: $*" >&2; exit 1; }

here=$(cd "$(dirname "$0")" && pwd)
home=$(cd "$here/../.." && pwd)
out=$home/build/deb
while [ $# -gt 0 ]; do
    case "$1" in
        --out) [ $# -ge 2 ] || die "--out needs a folder"; out=$(realpath -m "$2"); shift 2 ;;
        *) die "unknown argument $1; usage: packaging/baremetal-vm-runner/build.sh [--out DIR]" ;;
    esac
done
command -v dpkg-deb >/dev/null || die "there is no dpkg-deb; it comes with Debian's dpkg"

cd "$home"
. ramdisk/freshness.sh
mkdir -p "$out"
exec 9>"$out/.lock" && flock 9

"$home/runner/build.sh"
base=$home/build/runner/base.tar
version=$(sed -n 's,.*<Version>\(.*\)</Version>.*,\1,p' "$home/Directory.Build.props")
[ -n "$version" ] || die "Directory.Build.props names no version"

package=$out/baremetal-vm-runner_${version}_amd64.deb
inputs=$(digest packaging/baremetal-vm-runner systemd docs/runners.md LICENSE Directory.Build.props "$(sha256sum <"$base")")
if is_current "$out/.stamp" "$inputs" "$package"; then
    echo "The package is current: $package, $(stat -c %s "$package") bytes"
    exit 0
fi
rm -f "$out/.stamp" "$out"/baremetal-vm-runner_*.deb

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
install -d "$root"/{DEBIAN,etc/baremetal-runner,etc/default,usr/bin,usr/lib/baremetal-runner,usr/lib/modules-load.d,usr/lib/systemd/system,usr/share/doc/baremetal-vm-runner}

tar -xOf "$base" ./usr/bin/vm-runner >"$root/usr/bin/vm-runner"
chmod 0755 "$root/usr/bin/vm-runner"
install -m 0644 "$base" "$root/usr/lib/baremetal-runner/base.tar"
install -m 0644 "$home/systemd/baremetal-vm-runner.service" "$root/usr/lib/systemd/system/"
install -m 0644 "$here/containers.conf" "$root/etc/baremetal-runner/containers.conf"
install -m 0644 "$here/default" "$root/etc/default/baremetal-vm-runner"
printf 'tun\nbridge\nnf_tables\n' >"$root/usr/lib/modules-load.d/baremetal-vm-runner.conf"
install -m 0644 "$home/docs/runners.md" "$root/usr/share/doc/baremetal-vm-runner/"
install -m 0644 "$home/LICENSE" "$root/usr/share/doc/baremetal-vm-runner/copyright"

size=$(du -sk --apparent-size "$root" | cut -f1)
sed "s/@VERSION@/$version/; s/@SIZE@/$size/" "$here/control" >"$root/DEBIAN/control"
printf '/etc/baremetal-runner/containers.conf\n/etc/default/baremetal-vm-runner\n' >"$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do install -m 0755 "$here/$script" "$root/DEBIAN/$script"; done

dpkg-deb --root-owner-group -Zxz -z1 --build "$root" "$package" >/dev/null
echo "$inputs" >"$out/.stamp"
echo "The package is built: $package, $(stat -c %s "$package") bytes"
