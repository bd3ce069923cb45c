{{/* What web takes for its own name: hosts of values, its Service, and localhost for probes and port-forward. */}}
{{- define "web.hosts" -}}
{{- $service := include "names.object" (dict "root" . "component" "web") -}}
{{- join "," (concat .Values.web.hosts (list $service (printf "%s.%s.svc" $service .Release.Namespace) "localhost")) -}}
{{- end -}}

{{/* The Ingress' and HTTPRoute's hosts may post forms. */}}
{{- define "web.origins" -}}
{{- $origins := list -}}
{{- range .Values.web.hosts -}}
{{- $origins = append $origins (printf "https://%s" .) -}}
{{- end -}}
{{- join "," $origins -}}
{{- end -}}
