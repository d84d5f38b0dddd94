# shellcheck shell=bash
# Sourced by the build scripts: what is there and current is not built again.

# digest INPUT…: one digest over files and folders (names and contents); a word that is no file counts as itself.
# Run it at the repository's root with relative paths, so that a copy of the tree has the same digest.
digest() {
    local input
    for input in "$@"; do
        if [ -d "$input" ]; then
            find "$input" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
        elif [ -f "$input" ]; then
            sha256sum "$input"
        else
            echo "$input"
        fi
    done | sha256sum | cut -d' ' -f1
}

# is_current STAMP DIGEST OUTPUT…: the outputs exist and were made from these inputs.
is_current() {
    local stamp=$1 inputs=$2 output
    shift 2
    [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$inputs" ] || return 1
    for output in "$@"; do [ -e "$output" ] || return 1; done
}
