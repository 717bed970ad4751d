{{- /* What this mode needs and has no default for. */ -}}
{{- define "beidou.check" -}}
{{- $api := .Values.api -}}
{{- if not .Values.image.repository }}{{ fail "image.repository is empty: name the repository of Beidou's image (deploy/image/build makes one)" }}{{ end -}}
{{- if not $api.tls.secret }}{{ fail "api.tls.secret is empty: name a Secret of type kubernetes.io/tls, since plain HTTP is served on loopback only" }}{{ end -}}
{{- if and .Values.ownCluster.enabled (not .Values.ownCluster.name) }}{{ fail "ownCluster.name is empty: name the cluster that Beidou runs in, or set ownCluster.enabled to false" }}{{ end -}}
{{- if and (not .Values.ownCluster.enabled) (not .Values.clusters) }}{{ fail "there is no cluster to collect: set ownCluster.enabled, or add to clusters" }}{{ end -}}
{{- range .Values.clusters }}
{{- if and (or .kubeconfig .token_file .ca_file) (not $.Values.clustersSecret) }}{{ fail (printf "clustersSecret is empty: cluster %q names keys of it" .name) }}{{ end -}}
{{- end -}}
{{- if and $api.tokens.subjects (not $api.tokens.secret) }}{{ fail "api.tokens.secret is empty: name the Secret that has a key for each of api.tokens.subjects" }}{{ end -}}
{{- with .Values.archive.s3 }}
{{- if and (not .bucket) (or .prefix .endpoint .region .caSecret .credentialsSecret.name) }}{{ fail "archive.s3.bucket is empty: without one the archive lies on a volume, and nothing else of archive.s3 is read" }}{{ end -}}
{{- end -}}
{{- if .Values.controllers.enabled }}{{ include "beidou.check.controllers" . }}{{ end -}}
{{- if .Values.serviceMonitor.enabled }}
{{- if not .Values.serviceMonitor.tokenSecret.name }}{{ fail "serviceMonitor.tokenSecret.name is empty: /metrics of the API need a token" }}{{ end -}}
{{- end -}}
{{- if eq .Values.mode "fleet" }}{{ include "beidou.check.fleet" . }}
{{- else if gt (int $api.replicas) 1 }}{{ fail "api.replicas is more than 1: mode embedded is one pod" }}{{ end -}}
{{- if .Values.networkPolicy.enabled }}{{ include "beidou.check.ways" . }}{{ end -}}
{{- end }}

{{- /* What is named must lie at ports that the network policies leave open. */ -}}
{{- define "beidou.check.ways" -}}
{{- $clickhouse := .Values.clickhouse -}}
{{- if eq .Values.mode "fleet" -}}
{{- range .Values.kafka.brokers }}{{ include "beidou.check.way" (list $ "kafka" .) }}{{ end -}}
{{- range prepend $clickhouse.replicaUrls $clickhouse.url }}{{ include "beidou.check.way" (list $ "clickhouse" .) }}{{ end -}}
{{- end -}}
{{- with .Values.archive.s3.endpoint }}{{ include "beidou.check.way" (list $ "objectStorage" .) }}{{ end -}}
{{- range .Values.clusters }}{{ with .server }}{{ include "beidou.check.way" (list $ "kubernetes" .) }}{{ end }}{{ end -}}
{{- range .Values.controllers.webhooks }}{{ include "beidou.check.way" (list $ "webhooks" .url) }}{{ end -}}
{{- end }}

{{- define "beidou.check.way" -}}
{{- $key := index . 1 -}}
{{- $address := index . 2 -}}
{{- $host := regexReplaceAll "^[a-z]+://" $address "" | splitList "/" | first -}}
{{- $port := regexFind ":[0-9]+$" $host | trimPrefix ":" | default (ternary "80" "443" (hasPrefix "http:" $address)) -}}
{{- $open := list -}}
{{- range index (index . 0).Values.networkPolicy.ports $key }}{{ $open = append $open (toString .) }}{{ end -}}
{{- if not (has $port $open) }}{{ fail (printf "networkPolicy.ports.%s lacks %s: %s could not be reached" $key $port $address) }}{{ end -}}
{{- end }}

{{- define "beidou.check.controllers" -}}
{{- with .Values.controllers -}}
{{- if not .runner.image }}{{ fail "controllers.runner.image is empty: name an image that holds Ansible and beidou (deploy/image/build --runner makes one)" }}{{ end -}}
{{- if eq .namespace $.Release.Namespace }}{{ fail "controllers.namespace is the namespace of the release: controllers read all Secrets there, so name another one" }}{{ end -}}
{{- end -}}
{{- end }}

{{- define "beidou.check.fleet" -}}
{{- $api := .Values.api -}}
{{- if not .Values.kafka.brokers }}{{ fail "kafka.brokers is empty: mode fleet needs the log in Kafka" }}{{ end -}}
{{- if and .Values.kafka.sasl.user (not .Values.kafka.sasl.passwordSecret.name) }}{{ fail "kafka.sasl.passwordSecret.name is empty: kafka.sasl.user needs a password" }}{{ end -}}
{{- if not .Values.clickhouse.url }}{{ fail "clickhouse.url is empty: mode fleet needs a ClickHouse server" }}{{ end -}}
{{- range $role := list "writer" "reader" }}
{{- if not (index $.Values.clickhouse $role).passwordSecret.name }}{{ fail (printf "clickhouse.%s.passwordSecret.name is empty: name the Secret with the password" $role) }}{{ end -}}
{{- end -}}
{{- $archiveReader := .Values.clickhouse.archiveReader -}}
{{- if and $archiveReader.user (not $archiveReader.passwordSecret.name) }}{{ fail "clickhouse.archiveReader.passwordSecret.name is empty: clickhouse.archiveReader.user needs a password" }}{{ end -}}
{{- $archive := .Values.config.archive | default dict -}}
{{- $apart := and (not .Values.archive.s3.bucket) (not (eq (toString $archive.enabled) "false")) -}}
{{- if and (gt (int .Values.projector.replicas) 1) $apart }}{{ fail "projector.replicas is more than 1, and each would have an archive on a volume of its own: name a bucket in archive.s3.bucket, or set config.archive.enabled to false" }}{{ end -}}
{{- $retention := .Values.config.retention | default dict -}}
{{- $isRead := and $archiveReader.user .Values.archive.s3.bucket -}}
{{- $kept := list $retention -}}
{{- range $retention.clusters }}{{ $kept = append $kept . }}{{ end -}}
{{- range $kept }}
{{- if and .table_days (not $isRead) }}{{ fail "config.retention has table_days: what left the tables could not be found, unless ClickHouse reads the archive in a bucket; name its user in clickhouse.archiveReader.user and the bucket in archive.s3.bucket, or set it to 0" }}{{ end -}}
{{- end -}}
{{- if not $api.tokens.subjects }}{{ fail "api.tokens.subjects is empty: nobody could ask, since a token that a pod makes for itself ends with it" }}{{ end -}}
{{- if and (gt (int $api.replicas) 1) (not $api.cursorKey.secret) }}{{ fail "api.cursorKey.secret is empty: several replicas need one key, else the next page of an answer is refused" }}{{ end -}}
{{- end }}

{{- /* The configuration of all pods, as `beidou config` reads it. Secrets are files or variables, never in here. */ -}}
{{- define "beidou.site" -}}
{{- $api := dict "listen" "0.0.0.0:7480" "tls_cert" "/etc/beidou/tls/tls.crt" "tls_key" "/etc/beidou/tls/tls.key" -}}
{{- $tokens := list -}}
{{- range .Values.api.tokens.subjects }}{{ $tokens = append $tokens (dict "subject" . "token_file" (printf "/etc/beidou/tokens/%s" .)) }}{{ end -}}
{{- if $tokens }}{{ $_ := set $api "tokens" $tokens }}{{ end -}}
{{- if .Values.api.cursorKey.secret }}{{ $_ := set $api "cursor_key_file" "/etc/beidou/cursor/cursor.key" }}{{ end -}}
{{- $site := dict "data" "/var/lib/beidou" "query_api" $api "clusters" (include "beidou.clusters" . | fromJsonArray) -}}
{{- if eq .Values.mode "fleet" -}}
{{- $_ := set $site "log" (dict "kafka" (include "beidou.kafka" . | fromJson)) -}}
{{- $clickhouse := .Values.clickhouse -}}
{{- $store := dict "url" $clickhouse.url "database" $clickhouse.database "writer_user" $clickhouse.writer.user "reader_user" $clickhouse.reader.user -}}
{{- with $clickhouse.replicaUrls }}{{ $_ := set $store "replica_urls" . }}{{ end -}}
{{- with $clickhouse.cluster }}{{ $_ := set $store "cluster" . }}{{ end -}}
{{- with $clickhouse.archiveReader }}{{ if .user }}{{ $_ := set $store "archive_reader_user" .user }}{{ $_ := set $store "archive_collection" .collection }}{{ end }}{{ end -}}
{{- if $clickhouse.caSecret }}{{ $_ := set $store "ca_file" "/etc/beidou/clickhouse-ca/ca.crt" }}{{ end -}}
{{- $_ := set $site "store" $store -}}
{{- end -}}
{{- if .Values.archive.s3.bucket }}{{ $_ := set $site "archive" (dict "s3" (include "beidou.s3" . | fromJson)) }}{{ end -}}
{{- if .Values.controllers.enabled }}{{ $_ := set $site "controllers" (include "beidou.controllers" . | fromJson) }}{{ end -}}
{{- merge $site (deepCopy .Values.config) | toYaml -}}
{{- end }}

{{- define "beidou.clusters" -}}
{{- $clusters := list -}}
{{- with .Values.ownCluster }}{{ if .enabled -}}
{{- $account := "/var/run/secrets/kubernetes.io/serviceaccount" -}}
{{- $clusters = append $clusters (dict "name" .name "server" "https://kubernetes.default.svc" "token_file" (print $account "/token") "ca_file" (print $account "/ca.crt") "heartbeat" .heartbeat) -}}
{{- end }}{{ end -}}
{{- range .Values.clusters -}}
{{- $cluster := deepCopy . -}}
{{- range $key := list "kubeconfig" "token_file" "ca_file" -}}
{{- with index $cluster $key }}{{ $_ := set $cluster $key (printf "/etc/beidou/clusters/%s" .) }}{{ end -}}
{{- end -}}
{{- $clusters = append $clusters $cluster -}}
{{- end -}}
{{- toJson $clusters -}}
{{- end }}

{{- define "beidou.controllers" -}}
{{- $controllers := .Values.controllers -}}
{{- $runner := omit $controllers.runner "imagePullSecrets" -}}
{{- $_ := set $runner "service_account" (include "beidou.operating" (list . "runner")) -}}
{{- /* Runners are let to nothing but the pod behind it. */ -}}
{{- $url := printf "http://%s.%s.svc:7330" (include "beidou.name" (list . "door")) .Release.Namespace -}}
{{- $management := dict "namespace" $controllers.namespace -}}
{{- $all := dict "listen" "0.0.0.0:7330" "url" $url "management" $management "executor" "job" "job" $runner -}}
{{- with $controllers.callbackUrl }}{{ $_ := set $all "callback_url" . }}{{ end -}}
{{- $webhooks := list -}}
{{- range $controllers.webhooks }}{{ $webhooks = append $webhooks (dict "name" .name "url" .url "secret_file" (printf "/etc/beidou/webhook-%s/secret" .name)) }}{{ end -}}
{{- if $webhooks }}{{ $_ := set $all "webhooks" $webhooks }}{{ end -}}
{{- $notifications := list -}}
{{- range $place, $_ := $controllers.notifications }}{{ $notifications = append $notifications (dict "url_file" (printf "/etc/beidou/notification-%d/url" $place)) }}{{ end -}}
{{- if $notifications }}{{ $_ := set $all "notifications" $notifications }}{{ end -}}
{{- toJson $all -}}
{{- end }}

{{- define "beidou.s3" -}}
{{- $s3 := .Values.archive.s3 -}}
{{- $all := dict "bucket" $s3.bucket -}}
{{- range $key := list "prefix" "endpoint" "region" }}{{ with index $s3 $key }}{{ $_ := set $all $key . }}{{ end }}{{ end -}}
{{- if $s3.caSecret }}{{ $_ := set $all "ca_file" "/etc/beidou/s3-ca/ca.crt" }}{{ end -}}
{{- if $s3.credentialsSecret.name -}}
{{- $_ := set $all "access_key_id_file" "/etc/beidou/s3/access-key-id" -}}
{{- $_ := set $all "secret_access_key_file" "/etc/beidou/s3/secret-access-key" -}}
{{- end -}}
{{- toJson $all -}}
{{- end }}

{{- define "beidou.kafka" -}}
{{- $kafka := .Values.kafka -}}
{{- $tls := dict "enabled" $kafka.tls.enabled -}}
{{- if and $kafka.tls.enabled $kafka.tls.secret -}}
{{- $_ := set $tls "ca_file" "/etc/beidou/kafka/ca.crt" -}}
{{- if $kafka.tls.clientCertificate -}}
{{- $_ := set $tls "cert_file" "/etc/beidou/kafka/tls.crt" -}}
{{- $_ := set $tls "key_file" "/etc/beidou/kafka/tls.key" -}}
{{- end -}}
{{- end -}}
{{- $all := dict "brokers" $kafka.brokers "prefix" $kafka.prefix "replicas" $kafka.replicas "create_topics" $kafka.createTopics "tls" $tls -}}
{{- if $kafka.sasl.user }}{{ $_ := set $all "sasl" (dict "mechanism" $kafka.sasl.mechanism "user" $kafka.sasl.user) }}{{ end -}}
{{- toJson $all -}}
{{- end }}
