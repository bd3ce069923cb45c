{{/* What Redis and PostgreSQL have in common: root, component, values (theirs), passwords (keys), files. */}}

{{/* Their volumes: certificates, passwords, configuration, and a folder in memory for sockets. */}}
{{- define "server.volumes" -}}
- name: config
  configMap:
    name: {{ include "names.object" . }}
- name: tls
  secret:
    secretName: {{ include "names.tls" .root }}
    # PostgreSQL wants a key that only root and its own group can read.
    defaultMode: 0440
- name: passwords
  secret:
    secretName: {{ include "names.secrets" .root }}
    defaultMode: 0440
    items:
      {{- range .passwords }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
- name: run
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
- name: tmp
  emptyDir: {}
{{- if not .values.persistence.enabled }}
- name: data
  emptyDir: {}
{{- end }}
{{- end -}}

{{- define "server.image" -}}
image: {{ ternary (printf "%s:%s" .image.repository (toString .image.tag)) (printf "%s@%s" .image.repository .image.digest) (empty .image.digest) | quote }}
imagePullPolicy: {{ .image.pullPolicy }}
{{- end -}}

{{- define "server.claim" -}}
{{- if .persistence.enabled -}}
volumeClaimTemplates:
  - metadata:
      name: data
    spec:
      accessModes: [ReadWriteOnce]
      {{- with .persistence.storageClass }}
      storageClassName: {{ . }}
      {{- end }}
      resources:
        requests:
          storage: {{ .persistence.size }}
{{- end -}}
{{- end -}}
