{{/* The command line of the operator. */}}
{{- define "postgres-backup-operator.args" -}}
- run
- --cloud={{ .Values.azure.cloud }}
- --credential={{ .Values.azure.credential }}
{{- range $flag, $value := dict
  "api-version" .Values.azure.apiVersion
  "arm-endpoint" .Values.azure.armEndpoint
  "arm-audience" .Values.azure.armAudience
  "authority-host" .Values.azure.authorityHost
  "key-vault-suffix" .Values.azure.keyVaultSuffix
  "watch-namespace" (join "," .Values.watchNamespaces)
  "cluster-name" .Values.clusterName
}}
{{- with $value }}
- --{{ $flag }}={{ . }}
{{- end }}
{{- end }}
{{- with .Values.azure.caBundle }}
{{- if .configMap }}
- --ca-bundle=/etc/postgres-backup-operator/ca/{{ .key }}
{{- end }}
{{- end }}
- --service-account={{ .Values.workloadServiceAccount }}
{{- with .Values.settings }}
- --concurrency={{ .concurrency }}
- --drift-interval={{ .driftInterval }}
- --deadline={{ .deadline }}
- --brake-deletions={{ .brake.deletions }}
- --brake-window={{ .brake.window }}
{{- end }}
- --log={{ .Values.log.filter }}
- --log-format={{ .Values.log.format }}
{{- if .Values.leaderElection.enabled }}
- --leader-election-id={{ include "postgres-backup-operator.fullname" . }}
{{- else }}
- --leader-elect=false
{{- end }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* How the replicas spread. What selects no pods selects the operator's. */}}
{{- define "postgres-backup-operator.topologySpreadConstraints" -}}
{{- $selector := dict "matchLabels" (include "postgres-backup-operator.selectorLabels" . | fromYaml) }}
{{- $default := dict "maxSkew" 1 "topologyKey" "kubernetes.io/hostname" "whenUnsatisfiable" "ScheduleAnyway" }}
{{- range .Values.topologySpreadConstraints | default (list $default) }}
- {{ merge (dict) . (dict "labelSelector" $selector) | toYaml | nindent 2 | trim }}
{{- end }}
{{- end }}
