{{- define "beidou.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- /* The name of a role's objects. `up` is all roles, so it has the bare name. Takes (list $ "ingest"). */ -}}
{{- define "beidou.name" -}}
{{- $fullname := include "beidou.fullname" (index . 0) -}}
{{- if eq (index . 1) "up" }}{{ $fullname }}{{ else }}{{ $fullname }}-{{ index . 1 }}{{ end -}}
{{- end }}

{{- define "beidou.selector" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ $.Chart.Name }}
app.kubernetes.io/instance: {{ $.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "beidou.labels" -}}
{{- $ := index . 0 -}}
{{ include "beidou.selector" . }}
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $.Release.Service }}
helm.sh/chart: {{ $.Chart.Name }}-{{ $.Chart.Version }}
{{- end }}

{{- /* The roles that have pods in this mode. */ -}}
{{- define "beidou.roles" -}}
{{- if eq .Values.mode "embedded" }}up{{ else }}ingest projector query-api{{ if .Values.controllers.enabled }} controllers{{ end }}{{ end -}}
{{- end }}

{{- /* The role that watches clusters, the one that serves the API, and the one that carries operations out. */ -}}
{{- define "beidou.watcher" -}}
{{- if eq .Values.mode "embedded" }}up{{ else }}ingest{{ end -}}
{{- end }}
{{- define "beidou.server" -}}
{{- if eq .Values.mode "embedded" }}up{{ else }}query-api{{ end -}}
{{- end }}
{{- define "beidou.operator" -}}
{{- if .Values.controllers.enabled }}{{ if eq .Values.mode "embedded" }}up{{ else }}controllers{{ end }}{{ end -}}
{{- end }}

{{- /* Rights of a cluster are not in a namespace, so their names tell whose they are. */ -}}
{{- define "beidou.clusterwide" -}}
{{ include "beidou.name" (list . (include "beidou.watcher" .)) }}-{{ .Release.Namespace }}
{{- end }}

{{- /* What lies in the namespace of operations: several installations may share one. Takes (list $ "runner"). */ -}}
{{- define "beidou.operating" -}}
{{ include "beidou.name" . }}-{{ (index . 0).Release.Namespace }}
{{- end }}

{{- /* As controllers label the pods that they make. */ -}}
{{- define "beidou.runners" -}}
app.kubernetes.io/name: beidou-runner
app.kubernetes.io/managed-by: beidou
{{- end }}
