{{/*
Who may talk to whom. Nothing in or out but what is named here: the release's pods are denied the rest by the policy in
network.yaml, and every component adds what it needs.
*/}}

{{/*
A component's policy: root, component, set, and
  ingress    rules, as Kubernetes has them
  servers    those of redis, postgresql and dns that it may connect to
  egress     further rules, the operator's
*/}}
{{- define "network.policy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "names.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "names.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  {{- with .ingress }}
  ingress:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "network.egress" . | fromYamlArray }}
  egress:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "network.egress" -}}
{{- $root := .root -}}
{{- range .servers }}
{{- if eq . "dns" }}
- to:
    {{- toYaml $root.Values.networkPolicy.dns | nindent 4 }}
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- else if eq . "redis" }}
{{ include "network.server" (dict "root" $root "server" . "port" (include "names.redisPort" $root)) }}
{{- else if include "names.hasDatabase" $root }}
{{ include "network.server" (dict "root" $root "server" . "port" (include "names.postgresqlPort" $root)) }}
{{- end }}
{{- end }}
{{- with .egress }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The way to a server: to its pod, or to its port wherever an external one is. */}}
{{- define "network.server" -}}
- ports:
    - {port: {{ .port }}, protocol: TCP}
  {{- if (get .root.Values .server).enabled }}
  to:
    - podSelector:
        matchLabels:
          {{- include "names.selector" (dict "root" .root "component" .server) | nindent 10 }}
  {{- end }}
{{- end -}}

{{/* What a component's pods may reach besides: the value of `pod.egress`, nearest first. */}}
{{- define "network.extra" -}}
{{- toYaml (mergeOverwrite (deepCopy .root.Values.pod) (deepCopy (.pod | default dict))).egress -}}
{{- end -}}
