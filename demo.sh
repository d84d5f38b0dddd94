#!/usr/bin/env bash
# From power-on to login: netboots, enrols and deploys virtual servers, and shows it.
# Sets up all that it needs on Debian 12 with the .NET 10 SDK; what is there and current is not built again.
set -euo pipefail
cd "$(dirname "$0")"

usage() {
    cat <<'TEXT'
usage: ./demo.sh [--nodes N] [--firmware bios|uefi] [--keep]

  --nodes N              how many virtual servers, 1 to 8 (default 2)
  --firmware bios|uefi   give all of them this firmware (default: BIOS and UEFI in turn)
  --keep                 leave all running at the end, and say how to look at it
TEXT
}
wrong() { echo "demo.sh: $*" >&2; usage >&2; exit 2; }

# Looked at before the build, which takes some minutes the first time.
given=("$@")
while [ $# -gt 0 ]; do
    case "$1" in
        --nodes) [[ ${2:-} =~ ^[1-8]$ ]] || wrong "--nodes wants a number from 1 to 8, not '${2:-}'"; shift 2 ;;
        --firmware) [[ ${2:-} =~ ^(bios|uefi)$ ]] || wrong "--firmware wants bios or uefi, not '${2:-}'"; shift 2 ;;
        --keep) shift ;;
        -h | --help) usage; exit 0 ;;
        *) wrong "unknown option '$1'" ;;
    esac
done

[ "$(id -u)" -eq 0 ] || { echo "demo.sh: run as root: it makes a network namespace, a bridge and virtual servers" >&2; exit 1; }
command -v dotnet >/dev/null || { echo "demo.sh: the .NET 10 SDK is missing: the command dotnet is not found" >&2; exit 1; }

lab/setup.sh
lab/build.sh debian
exec build/bin/Lab/release/lab demo "${given[@]}"
