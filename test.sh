#!/usr/bin/env bash
# Runs the tests: `./test.sh` all that CI runs, `./test.sh fast` those that need no virtual server,
# `./test.sh boots` the end-to-end ones alone: whole deploys of virtual servers, with faults in the middle.
# `./test.sh soak` runs for hours: those of `fast`, with BAREMETAL_SOAK=1, which makes the random ones go on to ten thousand images
# against qemu-img, ten million cases a parser and hundreds of power cuts, of replayed disks and of virtual servers; each time from
# other seeds, and a failure names its seed.
# Sets up what it needs (lab/setup.sh), and ends with "N passed, N failed" alone on a line.
set -euo pipefail
cd "$(dirname "$0")"

what=${1:-all}
case "$what" in
    all | fast | boots | soak) ;;
    *) echo "usage: ./test.sh [all|fast|boots|soak]" >&2; exit 2 ;;
esac

results=build/test-results
rm -rf "$results"

lab/setup.sh
echo "Building all"
dotnet msbuild Baremetal.sln -restore -p:Configuration=Release -v:quiet -nologo

without_servers=()
case "$what" in
    fast | soak) without_servers=(--filter "Needs!=VirtualServers") ;;
esac
[ "$what" = fast ] || lab/build.sh

# One that hangs shall not take the others' results with it. None takes a third of this, but EndToEnd, which took 50 minutes on two slow processors.
longest=40m longest_of_boots=80m
if [ "$what" = soak ]; then
    export BAREMETAL_SOAK=1
    longest=72h longest_of_boots=72h
fi
passed=0 failed=0 broken=()

# Runs one test project; how it ended lies beside its results.
run() {
    local project=$1 code=0 bound=$longest
    [ "$project" != EndToEnd ] || bound=$longest_of_boots
    timeout --kill-after=30 "$bound" dotnet test "tests/$project" -c Release --no-build --nologo "${@:2}" \
        --logger "console;verbosity=minimal" --logger "trx;LogFileName=$project.trx" --results-directory "$results" || code=$?
    echo "$code" >"$results/$project.exit"
}

# What it says comes in one piece, since another runs beside it.
run_quietly() {
    run "$@" >"$results/$1.log" 2>&1
    cat "$results/$1.log"
}

# Counts one project's tests; one that died or hung, and so has no result, counts as a failure and is named.
count_in() {
    local project=$1 trx="$results/$1.trx" counters code
    code=$(cat "$results/$project.exit" 2>/dev/null || echo 1)
    counters=$(grep -o '<Counters [^>]*' "$trx" 2>/dev/null || true)
    count() { local found; found=$(sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p" <<<"$counters"); echo "${found:-0}"; }
    passed=$((passed + $(count passed)))
    failed=$((failed + $(count failed)))
    if [ -z "$counters" ] || { [ "$code" -ne 0 ] && [ "$(count failed)" = 0 ]; }; then
        failed=$((failed + 1))
        broken+=("$project")
    fi
}

mkdir -p "$results"
projects=()
if [ "$what" != boots ]; then
    # Two at a time, since much of what they do is waiting; the longest first, so that none is left to run alone.
    projects=(Conductor.Tests VmRunner.Tests Imaging.Tests)
    for folder in tests/*.Tests; do
        case "$folder" in */Imaging.Tests | */Conductor.Tests | */VmRunner.Tests) ;; *) projects+=("$(basename "$folder")") ;; esac
    done
    for project in "${projects[@]}"; do
        [ "$(jobs -rp | wc -l)" -lt 2 ] || wait -n
        run_quietly "$project" "${without_servers[@]}" &
    done
    wait
fi
case "$what" in
    all | boots) run EndToEnd; projects+=(EndToEnd) ;;
    soak) run EndToEnd --filter "FullyQualifiedName~PowerCutTests"; projects+=(EndToEnd) ;;
esac
for project in "${projects[@]}"; do count_in "$project"; done

[ ${#broken[@]} -eq 0 ] || echo "Ended without a result: ${broken[*]} (see above)"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
