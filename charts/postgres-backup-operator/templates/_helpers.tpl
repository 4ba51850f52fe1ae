{{/* The chart's name. */}}
{{- define "postgres-backup-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of the objects: the release's, with the chart's unless it holds that already. */}}
{{- define "postgres-backup-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := include "postgres-backup-operator.name" . }}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "postgres-backup-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "postgres-backup-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "postgres-backup-operator.labels" -}}
{{ include "postgres-backup-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "postgres-backup-operator.serviceAccountName" -}}
{{- default (ternary (include "postgres-backup-operator.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "postgres-backup-operator.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{/* The metadata of a CustomResourceDefinition, besides its name. */}}
{{- define "postgres-backup-operator.crdMetadata" -}}
labels:
  {{- include "postgres-backup-operator.labels" . | nindent 2 }}
{{- if .Values.crds.keep }}
annotations:
  helm.sh/resource-policy: keep
{{- end }}
{{- end }}

{{/* The subject of every binding of the operator. */}}
{{- define "postgres-backup-operator.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ include "postgres-backup-operator.serviceAccountName" . }}
    namespace: {{ .Release.Namespace }}
{{- end }}

{{/*
Rights in the namespaces that the operator looks after: a Role and a binding in each, or one ClusterRole for all.
Takes root (the context of the chart), purpose (the end of the names) and rules (a list, as YAML).
*/}}
{{- define "postgres-backup-operator.namespacedRights" -}}
{{- $root := .root }}
{{- $name := printf "%s-%s" (include "postgres-backup-operator.fullname" $root) .purpose }}
{{- range $namespace := $root.Values.watchNamespaces | default (list "") }}
{{- $kind := ternary "Role" "ClusterRole" (ne $namespace "") }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata:
  name: {{ $name }}
  {{- with $namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "postgres-backup-operator.labels" $root | nindent 4 }}
rules:
  {{- $.rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}Binding
metadata:
  name: {{ $name }}
  {{- with $namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "postgres-backup-operator.labels" $root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $kind }}
  name: {{ $name }}
{{ include "postgres-backup-operator.subjects" $root }}
{{- end }}
{{- end }}

{{/* Rights to objects of the cluster, in either scope. Takes the same. */}}
{{- define "postgres-backup-operator.clusterRights" -}}
{{- $name := printf "%s-%s" (include "postgres-backup-operator.fullname" .root) .purpose }}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ $name }}
  labels:
    {{- include "postgres-backup-operator.labels" .root | nindent 4 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "postgres-backup-operator.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ $name }}
{{ include "postgres-backup-operator.subjects" .root }}
{{- end }}

{{/*
Whether grants can be created now: not in a cluster that does not know them yet, because Helm looks every kind up before it
creates the first object. Without a cluster (helm template) nothing is known of it, and they are rendered. Every API server
serves apiregistration.k8s.io, and Helm's built-in list lacks it.
*/}}
{{- define "postgres-backup-operator.knowsGrants" -}}
{{- $known := .Capabilities.APIVersions }}
{{- if or ($known.Has "pgbackup.dev/v1alpha1/PostgresBackupGrant") (not ($known.Has "apiregistration.k8s.io/v1")) }}yes{{ end }}
{{- end }}
