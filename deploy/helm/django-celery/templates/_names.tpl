{{/* Names and labels of objects, and where Redis and PostgreSQL are. */}}

{{/* The start of every object's name. `_validate.tpl` holds it to 30 characters, so that what follows fits. */}}
{{- define "names.full" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name -}}
{{- end -}}
{{- end -}}

{{/* Labels that select a component's pods: root, component, and the worker set for a worker. They never change. */}}
{{- define "names.selector" -}}
app.kubernetes.io/name: {{ .root.Values.nameOverride | default .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- with .set }}
django-celery/worker-set: {{ . }}
{{- end }}
{{- end -}}

{{/* Labels of an object: those that select, and those that tell what it is part of. */}}
{{- define "names.labels" -}}
{{ include "names.selector" . }}
app.kubernetes.io/part-of: {{ include "names.full" .root }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Name, namespace and labels of an object: root, component, and its name or set where they say more. */}}
{{- define "names.metadata" -}}
name: {{ include "names.object" . }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "names.labels" . | nindent 2 }}
{{- end -}}

{{- define "names.object" -}}
{{- $parts := list (include "names.full" .root) (.name | default .component) -}}
{{- join "-" (compact (append $parts .set)) -}}
{{- end -}}

{{/* The label that lets a pod connect to a server of this release: root, server. */}}
{{- define "names.client" -}}
{{ include "names.full" .root }}/{{ .server }}-client
{{- end -}}

{{/* The Secret with every password; `secrets/secret.yaml` lists its keys. */}}
{{- define "names.secrets" -}}
{{- .Values.secrets.existing | default (include "names.object" (dict "root" . "component" "secrets")) -}}
{{- end -}}

{{/* The Secret with ca.crt and, for servers and mutual TLS, tls.crt and tls.key. */}}
{{- define "names.tls" -}}
{{- if eq .Values.tls.source "secret" -}}
{{- .Values.tls.secret -}}
{{- else -}}
{{- include "names.object" (dict "root" . "component" "tls") -}}
{{- end -}}
{{- end -}}

{{/* The names under which clients reach the servers that come with the chart. KEDA asks from another namespace. */}}
{{- define "names.serverNames" -}}
{{- range $server := list "redis" "postgresql" }}
{{- $name := include "names.object" (dict "root" $ "component" $server) }}
- {{ $name }}
- {{ $name }}.{{ $.Release.Namespace }}
- {{ $name }}.{{ $.Release.Namespace }}.svc
- {{ $name }}.{{ $.Release.Namespace }}.svc.cluster.local
{{- end }}
{{- end -}}

{{- define "names.redisHost" -}}
{{- if .Values.redis.enabled -}}
{{- include "names.object" (dict "root" . "component" "redis") }}.{{ .Release.Namespace }}.svc
{{- else -}}
{{- .Values.redis.external.host -}}
{{- end -}}
{{- end -}}

{{- define "names.redisPort" -}}
{{- ternary 6379 (int .Values.redis.external.port) .Values.redis.enabled -}}
{{- end -}}

{{- define "names.redisDatabase" -}}
{{- ternary 0 (int .Values.redis.external.database) .Values.redis.enabled -}}
{{- end -}}

{{/* The Redis user of a role: its own, unless an external Redis has one for all. */}}
{{- define "names.redisUser" -}}
{{- if or .root.Values.redis.enabled (not .root.Values.redis.external.user) -}}
{{- .role -}}
{{- else -}}
{{- .root.Values.redis.external.user -}}
{{- end -}}
{{- end -}}

{{/* The key of its password in the Secret. */}}
{{- define "names.redisPasswordKey" -}}
{{- if or .root.Values.redis.enabled (not .root.Values.redis.external.user) -}}
redis-{{ .role }}
{{- else -}}
redis-password
{{- end -}}
{{- end -}}

{{- define "names.postgresqlPort" -}}
{{- ternary 5432 (int .Values.postgresql.external.port) .Values.postgresql.enabled -}}
{{- end -}}

{{/* Whether there is a database: an image that is not this project's may do without. */}}
{{- define "names.hasDatabase" -}}
{{- if or .Values.postgresql.enabled .Values.postgresql.external.host -}}
yes
{{- end -}}
{{- end -}}

{{/* Where the database is, without its password. */}}
{{- define "names.databaseUrl" -}}
{{- $query := "sslmode=verify-full&sslrootcert=/run/tls/ca.crt" -}}
{{- if .Values.postgresql.enabled -}}
{{- $host := printf "%s.%s.svc" (include "names.object" (dict "root" . "component" "postgresql")) .Release.Namespace -}}
postgresql://app@{{ $host }}:5432/app?{{ $query }}
{{- else -}}
{{- with .Values.postgresql.external -}}
{{- $ca := ternary "/run/database-tls/ca.crt" "/etc/ssl/certs/ca-certificates.crt" (not (empty .caSecret)) -}}
postgresql://{{ .user }}@{{ .host }}:{{ int .port }}/{{ .database }}?sslmode={{ .sslMode }}&sslrootcert={{ $ca }}
{{- end -}}
{{- end -}}
{{- end -}}
