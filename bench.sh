#!/usr/bin/env bash
# Measures against the peers, side by side: `./bench.sh NAME [RUNS]`. One JSON object a line on standard output, all else on
# standard error. Needs root, for loop devices.
set -euo pipefail
cd "$(dirname "$0")"

name=${1:-}
case "$name" in
    stream | boot) ;;
    *) echo "usage: ./bench.sh stream|boot [RUNS]" >&2; exit 2 ;;
esac

case "$name" in
    # The peers.
    stream) lab/setup.sh nginx-light bmap-tools libnbd-bin nbdkit >&2 ;;
    boot) lab/setup.sh >&2 ;;
esac
dotnet msbuild bench -restore -p:Configuration=Release -v:quiet -nologo >&2
mkdir -p build/bench
case "$name" in
    # The agent as it runs on servers: compiled ahead, trimmed, one file.
    stream) dotnet publish src/DeployAgent -c Release -v quiet -nologo -o build/bench/agent >&2 ;;
    boot) lab/build.sh tiny >&2 ;;
esac
case "$name" in
    # What it mounts is gone with it, however it ends.
    stream) exec unshare --mount build/bin/Bench/release/bench stream "${2:-5}" build/bench ;;
    boot) exec build/bin/Bench/release/bench boot "${2:-5}" build/bench ;;
esac
