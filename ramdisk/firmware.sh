# shellcheck shell=bash
# Sourced, at the repository's root: what cards are given by their drivers before they work, of which Debian may distribute little
# (its packages firmware-* of non-free-firmware, or a checkout of linux-firmware, bring the rest).

# add_firmware ROOT RELEASE DIR: the blobs that the modules in ROOT declare and DIR has; says which are missing there.
add_firmware() {
    local root=$1 release=$2 folder=$3 declared blob missing=() bytes=0 found=0
    declared=$(find "$root/lib/modules/$release" -name '*.ko' -exec modinfo -F firmware {} + | sort -u)
    for blob in $declared; do
        if [ -f "$folder/$blob" ]; then
            install -D -m 644 "$folder/$blob" "$root/lib/firmware/$blob"
            found=$((found + 1))
            bytes=$((bytes + $(stat -L -c %s "$folder/$blob")))
        else
            missing+=("$blob")
        fi
    done
    echo "Firmware: $found of the $((found + ${#missing[@]})) files that drivers ask for, $bytes bytes, from $folder"
    [ ${#missing[@]} -eq 0 ] || printf '%s lacks these; their cards may not work, or without some of what they can do:\n%s\n' "$folder" "$(printf '  %s\n' "${missing[@]}")"
}
