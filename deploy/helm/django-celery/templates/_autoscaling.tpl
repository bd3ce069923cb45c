{{/* An HPA on CPU and whatever else values name: root, component, set, autoscaling. */}}
{{- define "autoscaling.hpa" -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  {{- include "names.metadata" . | nindent 2 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "names.object" . }}
  minReplicas: {{ int .autoscaling.min }}
  maxReplicas: {{ int .autoscaling.max }}
  metrics:
    # Of the container, so that a sidecar's idleness does not hide its load.
    - type: ContainerResource
      containerResource:
        container: {{ .component }}
        name: cpu
        target: {type: Utilization, averageUtilization: {{ int .autoscaling.cpu }}}
    {{- with .autoscaling.metrics }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .autoscaling.behavior }}
  behavior:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* A budget for what may have several replicas; one replica gets none, for it could never be evicted. */}}
{{- define "autoscaling.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "names.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ .maxUnavailable }}
  # A pod that is not ready protects nobody.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "names.selector" . | nindent 6 }}
{{- end -}}
