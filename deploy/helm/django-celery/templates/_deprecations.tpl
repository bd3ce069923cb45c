{{/* A line for each deprecated value that is set. Such a value has no default, so who has it has set it. */}}
{{- define "deprecations" -}}
{{- range $one := .Files.Get "files/deprecations.yaml" | fromYamlArray }}
{{- $here := $.Values }}
{{- range $key := splitList "." $one.value }}
{{- $here = ternary (get $here $key) nil (and (kindIs "map" $here) (hasKey ($here | default dict) $key)) }}
{{- end }}
{{- if not (kindIs "invalid" $here) }}
  {{ printf "%s is deprecated since %s and will be gone in %s; set %s" $one.value $one.since $one.removed $one.instead }}
{{- end }}
{{- end }}
{{- end -}}
