#!/bin/sh
# Writes what is generated from the CustomResourceDefinitions in crds/ and from the chart: generate.sh [OUTPUT]
#
# - the templates of the CustomResourceDefinitions and the README of the chart,
# - deploy/kustomize, a base and its overlays,
# - deploy/install.yaml, all of them but the overlays in one file.
#
# OUTPUT is the root of the tree to write to; the project itself when left out. A test writes to a directory of its own and
# compares.
set -eu

project=$(cd "$(dirname "$0")/.." && pwd)
output=$(mkdir -p "${1:-$project}" && cd "${1:-$project}" && pwd)
chart=charts/postgres-backup-operator
name=postgres-backup-operator
helm=$("$project/tests/tools/build.sh" helm)/helm
helm_docs=$("$project/tests/tools/build.sh" helm-docs)/helm-docs

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# The chart, with what is generated of it.
cp -R "$project/$chart" "$work/chart"
mkdir -p "$output/$chart/templates/crds"
for crd in "$project"/crds/*.yaml; do
    template=templates/crds/$(basename "$crd" .pgbackup.dev.yaml).yaml
    {
        echo '{{- /* Generated from crds/ by `make generate`. */ -}}'
        echo '{{- if .Values.crds.enabled }}'
        # Helm would read what looks like a template; metadata stands in the first column only once.
        sed -e 's/{{/{{ "{{" }}/g' -e 's/^metadata:$/&\n  {{- include "postgres-backup-operator.crdMetadata" . | nindent 2 }}/' "$crd"
        echo '{{- end }}'
    } >"$work/chart/$template"
    cp "$work/chart/$template" "$output/$chart/$template"
done
"$helm_docs" --chart-search-root "$work/chart" --log-level warning --sort-values-order file
cp "$work/chart/README.md" "$output/$chart/README.md"

# render DIRECTORY [HELM OPTION…]: the objects of the chart, a file for each template, without what only Helm reads.
render() {
    directory=$1
    shift
    "$helm" template "$name" "$work/chart" --namespace "$name" --values "$project/deploy/values.yaml" "$@" \
        --output-dir "$work/rendered" >/dev/null
    mkdir -p "$directory"
    find "$work/rendered" -name '*.yaml' | while read -r file; do
        {
            echo '# Generated from the chart by `make generate`.'
            sed -e '/^# Source: /d' -e '/helm.sh\/chart: /d' -e '/app.kubernetes.io\/managed-by: /d' "$file"
        } >"$directory/$(basename "$file")"
    done
    rm -rf "$work/rendered"
}

# kustomization DIRECTORY < HEAD: HEAD, then the files in the directory as resources.
kustomization() {
    {
        echo '# Generated from the chart by `make generate`.'
        echo 'apiVersion: kustomize.config.k8s.io/v1beta1'
        echo 'kind: Kustomization'
        cat
        find "$1" -name '*.yaml' ! -name kustomization.yaml -exec basename {} \; | LC_ALL=C sort | sed 's/^/  - /'
    } >"$1.new"
    mv "$1.new" "$1/kustomization.yaml"
}

kustomize=$output/deploy/kustomize
rm -rf "$kustomize"

# What depends on the scope stands in the overlays.
scoped="backups events tokens grants namespaces"
render "$kustomize/base"
mkdir -p "$kustomize/overlays/cluster-wide"
for purpose in $scoped; do
    mv "$kustomize/base/$purpose.yaml" "$kustomize/overlays/cluster-wide/"
done
cp "$project/deploy/namespace.yaml" "$kustomize/base/"
kustomization "$kustomize/base" <<EOF
# Which namespaces it looks after says an overlay.
resources:
EOF
kustomization "$kustomize/overlays/cluster-wide" <<EOF
resources:
  - ../../base
EOF

render "$work/namespaced" --set 'watchNamespaces={team-a}'
mkdir -p "$kustomize/overlays/namespaced"
for purpose in $scoped; do
    mv "$work/namespaced/$purpose.yaml" "$kustomize/overlays/namespaced/"
done
kustomization "$kustomize/overlays/namespaced" <<EOF
# For the PostgresBackups of the namespace team-a alone. For others: a Role and a RoleBinding of each kind in each of them, their
# names in the ClusterRole for namespaces, and a list with commas in the argument.
patches:
  - target:
      kind: Deployment
      name: $name
    patch: |-
      - op: add
        path: /spec/template/spec/containers/0/args/-
        value: --watch-namespace=team-a
resources:
  - ../../base
EOF

render "$work/monitored" --set serviceMonitor.enabled=true,prometheusRule.enabled=true,dashboard.enabled=true
mkdir -p "$kustomize/overlays/monitoring"
for template in "$project/$chart"/templates/monitoring/*.yaml; do
    rendered=$work/monitored/$(basename "$template")
    [ ! -e "$rendered" ] || mv "$rendered" "$kustomize/overlays/monitoring/"
done
kustomization "$kustomize/overlays/monitoring" <<EOF
# With what the Prometheus operator and Grafana's sidecar pick up.
resources:
  - ../cluster-wide
EOF

{
    cat "$project/deploy/install.head"
    cat "$kustomize/base/namespace.yaml"
    for file in "$kustomize"/base/*.yaml "$kustomize"/overlays/cluster-wide/*.yaml; do
        case $file in */kustomization.yaml | */namespace.yaml) ;; *) sed 1d "$file" ;; esac
    done
} >"$output/deploy/install.yaml"
