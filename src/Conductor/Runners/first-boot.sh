# Makes this system a runner, once, at its first boot: cloud-init runs it as a script of the vendor's. What it needs stands above:
#   server   the conductor's TLS address               ca      its CA certificate
#   package  where the package lies, and its sha256    token   what lets one machine join, once
#   failure  where to say what went wrong
set -u
umask 077
log=/var/log/baremetal-runner-setup.log
work=$(mktemp -d /var/tmp/baremetal-runner-setup.XXXXXX)
trap 'rm -rf "$work"' EXIT
printf '%s\n' "$ca" >"$work/ca.pem"
export DEBIAN_FRONTEND=noninteractive

# A network, a mirror or the conductor may be late; what is wrong or refused (2 to 4) stays so.
patiently() {
    for pause in 5 10 20 40 60 0; do
        "$@" && return
        code=$?
        case "$pause/$code" in 0/* | */2 | */3 | */4) return "$code" ;; esac
        echo "That ended with $code; it is tried again in $pause s."
        sleep "$pause"
    done
}

fetch() { /usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file "$package" "$work/baremetal-vm-runner.deb" "SHA256:$sha256"; }

# Another program may hold the package database at a first boot. What the image has in /etc of this package stays.
install_package() {
    apt-get -y -q --no-install-recommends -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confold install "$work/baremetal-vm-runner.deb"
}

# First without a package source: an image may have all that the package depends on.
install_with_sources() { install_package || { apt-get -q update && install_package; }; }

join() { printf '%s\n' "$token" | vm-runner join --server "$server" --ca "$work/ca.pem" --token-file -; }

start() {
    systemctl enable baremetal-vm-runner && systemctl restart baremetal-vm-runner && return
    journalctl --no-pager -n 40 -u baremetal-vm-runner
    echo "The service baremetal-vm-runner did not start."
    return 1
}

become_a_runner() {
    command -v apt-get || { echo "This system has no apt-get: baremetal-vm-runner is a package for Debian and its like."; return 1; }
    patiently fetch || { echo "The package baremetal-vm-runner could not be fetched from $package."; return 1; }
    patiently install_with_sources || { echo "The package baremetal-vm-runner could not be installed."; return 1; }
    patiently join || { echo "It could not join $server."; return 1; }
    start
}

tell() {
    python3 - "$failure" "$work/ca.pem" "$log" <<'PYTHON'
import ssl, sys, urllib.request
address, ca, log = sys.argv[1:]
with open(log, "rb") as file:
    said = file.read()[-60000:]
request = urllib.request.Request(address, said, {"Content-Type": "text/plain"})
urllib.request.urlopen(request, timeout=60, context=ssl.create_default_context(cafile=ca)).close()
PYTHON
}

become_a_runner >"$log" 2>&1 && exit
patiently tell >"$work/told" 2>&1 || cat "$work/told" >>"$log"
tail -n 1 "$log" >&2
exit 1
