{{/* How Prometheus finds and reaches what the pods tell about themselves. */}}

{{/* The port of /metrics, or nothing: an image that is not this project's may have none. */}}
{{- define "monitoring.port" -}}
{{- if .Values.monitoring.port -}}
{{- int .Values.monitoring.port -}}
{{- else if not .Values.application.celery -}}
9100
{{- end -}}
{{- end -}}

{{/* Adds to a pod's dict (see pod.template) what serving /metrics takes; prints nothing. */}}
{{- define "monitoring.expose" -}}
{{- $port := include "monitoring.port" .root -}}
{{- if and .metrics $port -}}
{{- $annotations := include "monitoring.annotations" (dict "root" .root "port" $port) | fromYaml -}}
{{- $_ := set . "annotations" (merge (.annotations | default dict) $annotations) -}}
{{- $_ := set . "env" (merge (dict "METRICS_PORT" (int $port)) (.env | default dict)) -}}
{{- $_ := set . "ports" (append (.ports | default list) (dict "name" "metrics" "containerPort" (int $port))) -}}
{{- end -}}
{{- end -}}

{{/* What a Prometheus without the operator looks for at a pod: root, port. */}}
{{- define "monitoring.annotations" -}}
{{- if eq .root.Values.monitoring.discovery "annotations" -}}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .port | quote }}
prometheus.io/path: /metrics
{{- end -}}
{{- end -}}

{{/* Rules of a NetworkPolicy that let Prometheus in, and nobody else. */}}
{{- define "monitoring.ingress" -}}
{{- if and (or (include "monitoring.port" .) .Values.exporter.enabled) .Values.networkPolicy.prometheus -}}
- ports: [{port: metrics}]
  from:
    {{- toYaml .Values.networkPolicy.prometheus | nindent 4 }}
{{- else -}}
[]
{{- end -}}
{{- end -}}

{{/* Labels of a monitor or of rules, those included by which Prometheus chooses them. */}}
{{- define "monitoring.metadata" -}}
{{- include "names.metadata" . }}
{{- with .root.Values.monitoring.labels }}
{{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Where Prometheus asks, and how often: root, port. */}}
{{- define "monitoring.endpoint" -}}
- port: {{ .port }}
  path: /metrics
  {{- with .root.Values.monitoring.interval }}
  interval: {{ . }}
  {{- end }}
{{- end -}}

{{/*
The groups of alerts/*.yaml, for this release alone: the files choose every namespace, so that they are rules as they
stand.
*/}}
{{- define "monitoring.groups" -}}
{{- $values := .Values.monitoring.rules -}}
{{- $groups := list -}}
{{- range $path, $_ := .Files.Glob "alerts/*.yaml" -}}
{{- $text := $.Files.Get $path | replace `namespace=~".+"` (printf `namespace="%s"` $.Release.Namespace) -}}
{{- range $group := (fromYaml $text).groups -}}
{{- with $values.interval -}}
{{- $_ := set $group "interval" . -}}
{{- end -}}
{{- range $rule := $group.rules -}}
{{- if and $rule.alert $values.for -}}
{{- $_ := set $rule "for" $values.for -}}
{{- end -}}
{{- end -}}
{{- $groups = append $groups $group -}}
{{- end -}}
{{- end -}}
{{- toYaml $groups -}}
{{- end -}}
