#!/usr/bin/env bash
# Builds all that the lab runs: the programs, the ramdisk and the disk images. What is there and current is not built again.
# Usage: lab/build.sh [IMAGE…]   the images wanted; by default all of lab/images, and the ramdisk for real servers
set -euo pipefail
cd "$(dirname "$0")/.."

echo "Building conductor, agent and lab (the first time: a minute or two)"
for project in src/Conductor src/DeployAgent lab; do dotnet msbuild "$project" -restore -p:Configuration=Release -v:quiet -nologo; done

ramdisk/build.sh
if [ $# -gt 0 ]; then
    for image in "$@"; do "lab/images/$image.sh"; done
    exit
fi
# Beside each other: one compresses while the other waits for packages.
{ ramdisk/build.sh --flavour server && lab/images/tiny.sh --flavour server; } &
# This one calls debian.sh, of whose disk it is made.
lab/images/debian-mbr.sh
lab/images/debian.sh --flavour runner
lab/images/tiny.sh
packaging/baremetal-vm-runner/build.sh
wait $!
