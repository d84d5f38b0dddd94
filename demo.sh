#!/usr/bin/env bash
# From power-on to login: netboots, enrols and deploys virtual servers, and shows it.
# Sets up all that it needs on Debian 12 with the .NET 10 SDK; what is there and current is not built again.
# Usage: ./demo.sh [--nodes N] [--firmware bios|uefi] [--keep]
set -euo pipefail
cd "$(dirname "$0")"

[ "$(id -u)" -eq 0 ] || { echo "demo.sh: run as root: it makes a network namespace, a bridge and virtual servers" >&2; exit 1; }
command -v dotnet >/dev/null || { echo "demo.sh: the .NET 10 SDK is missing: the command dotnet is not found" >&2; exit 1; }

lab/setup.sh
lab/build.sh debian
exec build/bin/Lab/release/lab demo "$@"
