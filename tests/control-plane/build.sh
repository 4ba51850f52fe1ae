#!/bin/sh
# Provides etcd, kube-apiserver and kubectl, and prints the directory that holds them (its only line on stdout).
#
# KUBEBUILDER_ASSETS, the convention of controller-runtime's setup-envtest, is used when set; kubectl may then come from
# PATH. Otherwise the programs are built once from the versions pinned in go.mod and kept in
# target/control-plane/<hash of go.sum>. Each file appears under its name only when it is complete, so an interrupted
# build goes on where it stopped.
set -eu

say() { echo "control plane: $*" >&2; }

if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
    for program in etcd kube-apiserver; do
        if [ ! -x "$KUBEBUILDER_ASSETS/$program" ]; then
            say "KUBEBUILDER_ASSETS is $KUBEBUILDER_ASSETS, which has no $program; correct it, or unset it to build one"
            exit 1
        fi
    done
    if [ ! -x "$KUBEBUILDER_ASSETS/kubectl" ] && ! command -v kubectl >/dev/null; then
        say "kubectl is neither in KUBEBUILDER_ASSETS ($KUBEBUILDER_ASSETS) nor in PATH"
        exit 1
    fi
    echo "$KUBEBUILDER_ASSETS"
    exit 0
fi

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# The POSIX checksum: enough to tell one set of pinned versions from another, and present on every machine.
assets=$root/target/control-plane/$(cksum <"$here/go.sum" | tr ' ' '-')

if [ ! -x "$assets/etcd" ] || [ ! -x "$assets/kube-apiserver" ] || [ ! -x "$assets/kubectl" ]; then
    if ! command -v go >/dev/null; then
        say "building etcd and kube-apiserver needs Go 1.26 or later; install it, or set KUBEBUILDER_ASSETS to a directory that has both"
        exit 1
    fi
    cd "$here"
    # Nothing but what is pinned: the installed Go toolchain, this module, its go.sum.
    export CGO_ENABLED=0 GOTOOLCHAIN=local GOWORK=off GOFLAGS=-mod=readonly
    mkdir -p "$assets"
    partial=
    trap 'rm -f "$partial"' EXIT
    trap 'exit 1' HUP INT TERM

    # build NAME PACKAGE LDFLAGS HOW-LONG
    build() {
        [ ! -x "$assets/$1" ] || return 0
        say "building $1, $4 on two cores with a cold Go cache"
        partial=$assets/.$1.$$
        go build -trimpath -buildvcs=false -ldflags "-s -w $3" -o "$partial" "$2"
        mv "$partial" "$assets/$1"
    }

    say "downloading the pinned Go modules, about 15 seconds"
    go mod download k8s.io/kubernetes go.etcd.io/etcd/server/v3
    version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
    # Kubernetes programs learn their version from the linker; otherwise they call themselves v0.0.0-master.
    numbers=${version#v}
    minor=${numbers#*.}
    at=k8s.io/component-base/version
    stamp="-X $at.gitVersion=$version -X $at.gitMajor=${numbers%%.*} -X $at.gitMinor=${minor%%.*} -X $at.gitTreeState=clean"
    build etcd go.etcd.io/etcd/server/v3 "" "about 20 seconds"
    build kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver "$stamp" "about 5 minutes"
    build kubectl k8s.io/kubernetes/cmd/kubectl "$stamp" "about 35 seconds"
    say "built in $assets; it is used until go.sum changes"
fi
echo "$assets"
