{{- /* The pod of a role. Takes (dict "root" $ "role" … "args" … "port" (dict "name" "number" "scheme") "resources" … "volume" …):
`volume` is the one called data, where it is no claim of a StatefulSet.
Configuration is mounted as a folder, never by subPath: only so a changed list of clusters reaches the pod. */ -}}
{{- define "beidou.pod" -}}
{{- $ := .root -}}
{{- $watches := and (eq .role (include "beidou.watcher" $)) $.Values.ownCluster.enabled -}}
{{- $operates := eq .role (include "beidou.operator" $) -}}
metadata:
  labels:
    {{- include "beidou.labels" (list $ .role) | nindent 4 }}
    {{- with $.Values.pod.labels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    # All but the list of clusters needs a restart.
    checksum/config: {{ omit (include "beidou.site" $ | fromYaml) "clusters" | toYaml | sha256sum }}
    {{- with $.Values.pod.annotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ include "beidou.name" (list $ .role) }}
  automountServiceAccountToken: {{ or $watches $operates }}
  # Else a Service called beidou sets BEIDOU_PORT and others, which read like our own variables.
  enableServiceLinks: false
  # Running requests have ten seconds; log and engine close in less.
  terminationGracePeriodSeconds: 60
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    # A large volume is not walked through at each start.
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  {{- with $.Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $.Values.pod.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $.Values.pod.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $.Values.pod.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $.Values.pod.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
  - name: beidou
    image: {{ include "beidou.image" $ }}
    imagePullPolicy: {{ $.Values.image.pullPolicy }}
    args: {{ .args | toJson }}
    env: {{- include "beidou.env" . | nindent 4 }}
    ports:
    - {name: {{ .port.name }}, containerPort: {{ .port.number }}}
    {{- if $operates }}
    - {name: door, containerPort: 7330}
    {{- end }}
    {{- if and (eq .role "query-api") (semverCompare ">=1.30-0" $.Capabilities.KubeVersion.Version) }}
    # It answers until the Service has heard that it ends, and sends requests elsewhere.
    lifecycle: {preStop: {sleep: {seconds: 5}}}
    {{- end }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    # The first start of the engine fetches it: 178 MB.
    startupProbe:
      httpGet: {path: /healthz, port: {{ .port.name }}, scheme: {{ .port.scheme }}}
      periodSeconds: 10
      failureThreshold: 90
    livenessProbe:
      httpGet: {path: /healthz, port: {{ .port.name }}, scheme: {{ .port.scheme }}}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
    readinessProbe:
      httpGet: {path: /readyz, port: {{ .port.name }}, scheme: {{ .port.scheme }}}
      periodSeconds: 5
      timeoutSeconds: 5
    resources: {{- toYaml .resources | nindent 6 }}
    volumeMounts:
    - {name: site, mountPath: /etc/beidou/site, readOnly: true}
    - {name: data, mountPath: /var/lib/beidou}
    {{- range include "beidou.mounts" . | fromJsonArray }}
    - {name: {{ .name }}, mountPath: /etc/beidou/{{ .name }}, readOnly: true}
    {{- end }}
  volumes:
  - name: site
    configMap: {name: {{ include "beidou.fullname" $ }}}
  {{- range include "beidou.mounts" . | fromJsonArray }}
  - name: {{ .name }}
    secret: {{ .secret | toJson }}
  {{- end }}
  {{- with .volume }}
  - {{ toYaml . | nindent 4 | trim }}
  {{- end }}
{{- end }}

{{- define "beidou.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end -}}
{{- end -}}
{{- end }}

{{- /* The Secrets that a role reads as files: only those that it needs. */ -}}
{{- define "beidou.mounts" -}}
{{- $ := .root -}}
{{- $mounts := list -}}
{{- $api := $.Values.api -}}
{{- if and (eq .role (include "beidou.watcher" $)) $.Values.clustersSecret -}}
{{- $mounts = append $mounts (dict "name" "clusters" "secret" (dict "secretName" $.Values.clustersSecret "defaultMode" 288)) -}}
{{- end -}}
{{- if eq .role (include "beidou.server" $) -}}
{{- $mounts = append $mounts (dict "name" "tls" "secret" (dict "secretName" $api.tls.secret "defaultMode" 288)) -}}
{{- if $api.tokens.subjects -}}
{{- $mounts = append $mounts (dict "name" "tokens" "secret" (dict "secretName" $api.tokens.secret "defaultMode" 288)) -}}
{{- end -}}
{{- with $api.cursorKey }}{{ if .secret -}}
{{- $mounts = append $mounts (dict "name" "cursor" "secret" (dict "secretName" .secret "defaultMode" 288 "items" (list (dict "key" .key "path" "cursor.key")))) -}}
{{- end }}{{ end -}}
{{- end -}}
{{- if eq .role (include "beidou.operator" $) -}}
{{- range $.Values.controllers.webhooks -}}
{{- $mounts = append $mounts (dict "name" (print "webhook-" .name) "secret" (dict "secretName" .secret.name "defaultMode" 288 "items" (list (dict "key" .secret.key "path" "secret")))) -}}
{{- end -}}
{{- range $place, $secret := $.Values.controllers.notifications -}}
{{- $mounts = append $mounts (dict "name" (print "notification-" $place) "secret" (dict "secretName" .name "defaultMode" 288 "items" (list (dict "key" .key "path" "url")))) -}}
{{- end -}}
{{- end -}}
{{- if and (eq $.Values.mode "fleet") $.Values.kafka.tls.enabled $.Values.kafka.tls.secret -}}
{{- $mounts = append $mounts (dict "name" "kafka" "secret" (dict "secretName" $.Values.kafka.tls.secret "defaultMode" 288)) -}}
{{- end -}}
{{- if and (eq $.Values.mode "fleet") $.Values.clickhouse.caSecret (has .role (list "projector" "query-api")) -}}
{{- $mounts = append $mounts (dict "name" "clickhouse-ca" "secret" (dict "secretName" $.Values.clickhouse.caSecret "defaultMode" 288)) -}}
{{- end -}}
{{- if and $.Values.archive.s3.bucket (has .role (list "up" "projector" "query-api")) -}}
{{- with $.Values.archive.s3.caSecret -}}
{{- $mounts = append $mounts (dict "name" "s3-ca" "secret" (dict "secretName" . "defaultMode" 288)) -}}
{{- end -}}
{{- with $.Values.archive.s3.credentialsSecret }}{{ if .name -}}
{{- $items := list (dict "key" .keyId "path" "access-key-id") (dict "key" .secretKey "path" "secret-access-key") -}}
{{- $mounts = append $mounts (dict "name" "s3" "secret" (dict "secretName" .name "defaultMode" 288 "items" $items)) -}}
{{- end }}{{ end -}}
{{- end -}}
{{- toJson $mounts -}}
{{- end }}

{{- /* Passwords by reference, to the roles that use them. */ -}}
{{- define "beidou.env" -}}
{{- $ := .root -}}
{{- $role := .role -}}
{{- /* The root is not to be written: what is temporary goes there too. */ -}}
{{- $env := list (dict "name" "TMPDIR" "value" "/var/lib/beidou") -}}
{{- /* For commands in the pod: kubectl exec … -- beidou coverage. */ -}}
{{- if eq $role (include "beidou.server" $) }}{{ $env = append $env (dict "name" "XDG_CONFIG_HOME" "value" "/var/lib/beidou/config") }}{{ end -}}
{{- if eq $role "up" }}{{ $env = append $env (dict "name" "BEIDOU_CACHE_DIR" "value" "/var/lib/beidou/cache") }}{{ end -}}
{{- if and (eq $role "up") $.Values.engineLibrary }}{{ $env = append $env (dict "name" "BEIDOU_ENGINE_LIBRARY" "value" $.Values.engineLibrary) }}{{ end -}}
{{- if eq $.Values.mode "fleet" -}}
{{- if eq $role "ingest" -}}
{{- $env = append $env (dict "name" "BEIDOU_INGEST_COLLECTOR" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.name"))) -}}
{{- end -}}
{{- with $.Values.kafka.sasl }}{{ if .user -}}
{{- $env = append $env (dict "name" "BEIDOU_LOG_KAFKA_SASL_PASSWORD" "valueFrom" (dict "secretKeyRef" .passwordSecret)) -}}
{{- end }}{{ end -}}
{{- /* The projector writes and looks at what it wrote; query-api cannot write. */ -}}
{{- range get (dict "projector" (list "writer" "reader") "query-api" (list "reader")) $role | default list -}}
{{- $env = append $env (dict "name" (printf "BEIDOU_STORE_%s_PASSWORD" (upper .)) "valueFrom" (dict "secretKeyRef" (index $.Values.clickhouse .).passwordSecret)) -}}
{{- end -}}
{{- with $.Values.clickhouse.archiveReader }}{{ if and (eq $role "query-api") .user -}}
{{- $env = append $env (dict "name" "BEIDOU_STORE_ARCHIVE_READER_PASSWORD" "valueFrom" (dict "secretKeyRef" .passwordSecret)) -}}
{{- end }}{{ end -}}
{{- /* Credentials of who watches are not for operations: a Cluster resource names those. */ -}}
{{- if eq $role "controllers" }}{{ $env = append $env (dict "name" "BEIDOU_CLUSTERS" "value" "[]") }}{{ end -}}
{{- /* An archive on a volume is the projector's. */ -}}
{{- if and (eq $role "query-api") (not $.Values.archive.s3.bucket) }}{{ $env = append $env (dict "name" "BEIDOU_ARCHIVE_ENABLED" "value" "false") }}{{ end -}}
{{- end -}}
{{- toYaml $env -}}
{{- end }}

{{- define "beidou.claim" -}}
metadata: {name: data}
spec:
  accessModes: [ReadWriteOnce]
  {{- with .storageClass }}
  storageClassName: {{ . }}
  {{- end }}
  resources: {requests: {storage: {{ .size }}}}
{{- end }}
