{{/* The roles that have a user in Redis. */}}
{{- define "redis.roles" -}}
- web
- beat
- relay
- worker
- keda
- admin
{{- if .Values.flower.enabled }}
- flower
{{- end }}
{{- if .Values.exporter.enabled }}
- exporter
{{- end }}
{{- end -}}

{{/*
What each may do: files/redis/roles, the same as app/config/acl.py says. A word with <queue> stands for one per queue.
The passwords are added when Redis starts.
*/}}
{{- define "redis.rules" -}}
{{- $queues := list -}}
{{- range include "workers.all" . | fromYaml -}}
{{- $queues = append $queues .queue -}}
{{- end -}}
{{- $roles := include "redis.roles" . | fromYamlArray -}}
{{- range $line := .Files.Lines "files/redis/roles" -}}
{{- $words := splitList " " $line -}}
{{- if has (first $words) $roles }}
{{ first $words }}
{{- range $word := rest $words }}
{{- if contains "<queue>" $word }}
{{- range $queues }} {{ replace "<queue>" . $word }}{{ end }}
{{- else }} {{ $word }}{{ end }}
{{- end }}
{{- with get $.Values.redis.rules (first $words) }} {{ . }}{{ end }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The files in /etc/redis. A change of them starts Redis anew. */}}
{{- define "redis.config" -}}
redis.conf: |
  # Over the network TLS alone; the socket is for the probes and for reload.sh.
  port 0
  tls-port 6379
  tls-ca-cert-file /run/tls/ca.crt
  tls-cert-file /run/tls/tls.crt
  tls-key-file /run/tls/tls.key
  tls-auth-clients {{ ternary "yes" "optional" .Values.tls.mutual }}
  unixsocket /run/redis/redis.sock
  unixsocketperm 700
  aclfile /run/redis/users.acl
  dir /data
  # A crash of the machine costs a second at most; a snapshot would only repeat what the log keeps.
  appendonly yes
  appendfsync everysec
  save ""
  # When it is full a broker must refuse: an evicted list is lost work.
  maxmemory {{ .Values.redis.maxMemory }}
  maxmemory-policy noeviction
  # A client whose node vanished is noticed after two minutes.
  tcp-keepalive 60
roles: |
  {{- include "redis.rules" . | trim | nindent 2 }}
{{- range $script := list "users.sh" "start.sh" "reload.sh" }}
{{ $script }}: |
  {{- $.Files.Get (printf "files/redis/%s" $script) | nindent 2 }}
{{- end }}
{{- end -}}
