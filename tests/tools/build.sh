#!/bin/sh
# Builds the programs of one tool from the versions pinned in tests/tools/<tool>/go.mod, and prints the directory that holds
# them (its only line on stdout): build.sh TOOL
#
# Which programs they are stands in tests/tools/<tool>/programs, a line each: the name, then the Go package, then optional
# build flags. They are built once and kept in target/tools/<tool>-<checksum of what they are built from>. Each file appears
# under its name only when it is complete, so an interrupted build goes on where it stopped.
set -eu

tool=${1:?build.sh TOOL, where TOOL is a folder beside it}
say() { echo "$tool: $*" >&2; }

here=$(cd "$(dirname "$0")/$tool" && pwd)
root=$(cd "$here/../../.." && pwd)
# The POSIX checksum: enough to tell one set of sources from another, and present on every machine.
sum=$(cd "$here" && find . -type f \( -name '*.go' -o -name 'go.*' -o -name programs \) | LC_ALL=C sort | xargs cat | cksum)
built=$root/target/tools/$tool-$(echo "$sum" | tr ' ' '-')

cd "$here"
export CGO_ENABLED=0 GOTOOLCHAIN=local GOWORK=off GOFLAGS=-mod=readonly
partial=
trap 'rm -f "$partial"' EXIT
trap 'exit 1' HUP INT TERM
while read -r program package flags; do
    [ ! -x "$built/$program" ] || continue
    if ! command -v go >/dev/null; then
        say "building $program needs Go 1.26 or later; install it"
        exit 1
    fi
    mkdir -p "$built"
    say "building $program; it is used until its sources in tests/tools/$tool change"
    partial=$built/.$program.$$
    # The flags are words of their own.
    # shellcheck disable=SC2086
    go build -trimpath -buildvcs=false -ldflags "-s -w" $flags -o "$partial" "$package" </dev/null
    mv "$partial" "$built/$program"
done <"$here/programs"
echo "$built"
