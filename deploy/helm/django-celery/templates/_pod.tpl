{{/*
The pod of everything that runs the application's image: web, workers, beat, relay, flower, migrations, smoke test. And
of the exporter, which is given the same variables.

Takes a dict:
  root          the chart's context
  component     what it is; names the container and the service account
  values        the component's own values: command, args, probes, resources, pod
  set           the worker set, for a worker
  role          the Redis user; without one the pod gets no access to Redis
  database      whether it gets the database's password
  secretKey     whether it gets Django's secret key
  waits         whether it waits for the migrations
  health        whether it has a folder for the files that probes look at
  env           further variables, a map
  command       the command where values name none
  metrics       whether its main container serves /metrics
  ports, lifecycle, gracePeriod, restartPolicy, image, volumes, volumeMounts
*/}}
{{- define "pod.template" -}}
{{- $root := .root -}}
{{- $_ := set . "database" (and .database (include "names.hasDatabase" $root)) -}}
{{- include "monitoring.expose" . -}}
{{- $pod := mergeOverwrite (deepCopy $root.Values.pod) (deepCopy (.values.pod | default dict)) -}}
metadata:
  labels:
    {{- /* None that every version of the chart changes: pods would be replaced for nothing. */}}
    {{- include "names.selector" . | nindent 4 }}
    {{- if .role }}
    {{ include "names.client" (dict "root" $root "server" "redis") }}: "true"
    {{- end }}
    {{- if .database }}
    {{ include "names.client" (dict "root" $root "server" "postgresql") }}: "true"
    {{- end }}
    {{- with $pod.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with mergeOverwrite (.annotations | default dict) $pod.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "names.object" (dict "root" $root "component" .component) }}
  {{- include "pod.identity" (dict "user" $pod.user) | nindent 2 }}
  {{- with include "pod.pullSecrets" $root }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with .restartPolicy }}
  restartPolicy: {{ . }}
  {{- end }}
  {{- with .gracePeriod }}
  terminationGracePeriodSeconds: {{ int . }}
  {{- end }}
  {{- $mounts := include "pod.mounts" (merge (dict "pod" $pod) .) }}
  {{- $env := include "pod.env" (merge (dict "pod" $pod) .) | trim }}
  {{- $waits := and .waits $root.Values.migrations.enabled }}
  {{- if or $waits $pod.initContainers }}
  initContainers:
    {{- if $waits }}
    - name: wait-for-migrations
      {{- include "pod.image" . | nindent 6 }}
      {{- include "pod.command" (dict "root" $root "command" $root.Values.migrations.wait.command "args" $root.Values.migrations.wait.args) | nindent 6 }}
      {{- include "pod.security" . | nindent 6 }}
      env:
        {{- $env | nindent 8 }}
      {{- with $pod.envFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      resources:
        {{- toYaml .values.resources | nindent 8 }}
      volumeMounts:
        {{- $mounts | nindent 8 }}
    {{- end }}
    {{- with $pod.initContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  containers:
    - name: {{ .component }}
      {{- include "pod.image" . | nindent 6 }}
      {{- include "pod.command" (dict "root" $root "command" .values.command "args" .values.args "otherwise" .command) | nindent 6 }}
      {{- include "pod.security" . | nindent 6 }}
      env:
        {{- $env | nindent 8 }}
      {{- with $pod.envFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .ports }}
      ports:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with include "pod.probes" .values.probes | trim }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- with .lifecycle }}
      lifecycle:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      resources:
        {{- toYaml .values.resources | nindent 8 }}
      volumeMounts:
        {{- $mounts | nindent 8 }}
    {{- with $pod.sidecars }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "pod.volumes" (merge (dict "pod" $pod) .) | nindent 4 }}
  {{- include "pod.placement" (merge (dict "pod" $pod) .) | nindent 2 }}
{{- end -}}

{{/* No token, no environment of other services, no root: user, a number. */}}
{{- define "pod.identity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ int .user }}
  runAsGroup: {{ int .user }}
  fsGroup: {{ int .user }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "pod.pullSecrets" -}}
{{- with .Values.image.pullSecrets -}}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* What the restricted pod security standard asks of a container, and a root file system that nobody writes to. */}}
{{- define "pod.security" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{- define "pod.image" -}}
{{- $image := deepCopy .root.Values.image -}}
{{- /* One by one: merging would leave the application's digest where another image has none. */ -}}
{{- range $name, $value := .image -}}
{{- $_ := set $image $name $value -}}
{{- end -}}
{{- $tag := $image.tag | default .root.Chart.AppVersion -}}
image: {{ ternary (printf "%s:%s%s" $image.repository $tag ($image.suffix | default "")) (printf "%s@%s" $image.repository $image.digest) (empty $image.digest) | quote }}
imagePullPolicy: {{ $image.pullPolicy }}
{{- end -}}

{{/* command and args as values say; without either, `otherwise` for an image that is not ours. */}}
{{- define "pod.command" -}}
{{- if .command -}}
command:
  {{- toYaml .command | nindent 2 }}
{{- with .args }}
args:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- else if and .otherwise .root.Values.application.celery -}}
command:
  {{- .otherwise | nindent 2 }}
{{- else -}}
args:
  {{- toYaml .args | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "pod.probes" -}}
{{- if and . .enabled -}}
{{- range $kind := list "startup" "readiness" "liveness" }}
{{- with get $ $kind }}
{{ $kind }}Probe:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* The variables of every process: what `app/config/environment.py` reads, then the component's, then the operator's. */}}
{{- define "pod.env" -}}
{{- $root := .root -}}
{{- $env := dict
  "ALLOWED_HOSTS" (include "web.hosts" $root)
  "HOME" "/tmp"
  "REDIS_CA_PATH" "/run/tls/ca.crt"
  "REDIS_URL" (printf "rediss://%s:%s/%s" (include "names.redisHost" $root) (include "names.redisPort" $root) (include "names.redisDatabase" $root))
-}}
{{- with $root.Values.application.settings -}}
{{- $_ := set $env "DJANGO_SETTINGS_MODULE" . -}}
{{- end -}}
{{- if include "names.hasDatabase" $root -}}
{{- $_ := set $env "DATABASE_URL" (include "names.databaseUrl" $root) -}}
{{- end -}}
{{- if .role -}}
{{- $_ := set $env "REDIS_USERNAME" (include "names.redisUser" (dict "root" $root "role" .role)) -}}
{{- $_ := set $env "REDIS_PASSWORD_FILE" "/run/passwords/redis" -}}
{{- if $root.Values.tls.mutual -}}
{{- $_ := set $env "REDIS_CERT_PATH" "/run/tls/tls.crt" -}}
{{- $_ := set $env "REDIS_KEY_PATH" "/run/tls/tls.key" -}}
{{- end -}}
{{- end -}}
{{- if .database -}}
{{- $_ := set $env "DATABASE_PASSWORD_FILE" "/run/passwords/database" -}}
{{- end -}}
{{- if .secretKey -}}
{{- $_ := set $env "SECRET_KEY_FILE" "/run/passwords/secret-key" -}}
{{- end -}}
{{- if .health -}}
{{- $_ := set $env "HEALTH_DIR" "/run/health" -}}
{{- end -}}
{{- $env = mergeOverwrite $env (.env | default dict) (deepCopy .pod.env) -}}
{{- /* Those that come from elsewhere first, so that the others can name them as $(NAME). */ -}}
{{- range $name, $value := $env }}
{{- if kindIs "map" $value }}
- name: {{ $name }}
  {{- toYaml $value | nindent 2 }}
{{- end }}
{{- end }}
{{- range $name, $value := $env }}
{{- if not (kindIs "map" $value) }}
- name: {{ $name }}
  value: {{ tpl (toString $value) $root | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "pod.mounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: tls, mountPath: /run/tls, readOnly: true}
{{- if or .role .database .secretKey }}
- {name: passwords, mountPath: /run/passwords, readOnly: true}
{{- end }}
{{- if and .database (not .root.Values.postgresql.enabled) .root.Values.postgresql.external.caSecret }}
- {name: database-tls, mountPath: /run/database-tls, readOnly: true}
{{- end }}
{{- if .health }}
- {name: health, mountPath: /run/health}
{{- end }}
{{- with .volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- with .pod.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A process sees the passwords of its own role and no others. */}}
{{- define "pod.volumes" -}}
{{- $root := .root -}}
- name: tmp
  emptyDir: {}
- name: tls
  secret:
    secretName: {{ include "names.tls" $root }}
    defaultMode: 0440
    items:
      - {key: ca.crt, path: ca.crt}
      {{- if and .role $root.Values.tls.mutual }}
      - {key: tls.crt, path: tls.crt}
      - {key: tls.key, path: tls.key}
      {{- end }}
{{- if or .role .database .secretKey }}
- name: passwords
  secret:
    secretName: {{ include "names.secrets" $root }}
    defaultMode: 0440
    items:
      {{- if .role }}
      - {key: {{ include "names.redisPasswordKey" . }}, path: redis}
      {{- end }}
      {{- if .database }}
      - {key: database-password, path: database}
      {{- end }}
      {{- if .secretKey }}
      - {key: secret-key, path: secret-key}
      {{- end }}
{{- end }}
{{- with $root.Values.postgresql.external.caSecret }}
{{- if and $.database (not $root.Values.postgresql.enabled) }}
- name: database-tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items:
      - {key: ca.crt, path: ca.crt}
{{- end }}
{{- end }}
{{- if .health }}
- name: health
  # In memory: a slow disk must not look like a dead process.
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
{{- end }}
{{- with .volumes }}
{{ toYaml . }}
{{- end }}
{{- with .pod.volumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Where a pod runs. Replicas of one thing are spread over nodes where that is possible. */}}
{{- define "pod.placement" -}}
{{- with .pod.priorityClassName -}}
priorityClassName: {{ . }}
{{ end -}}
{{- with .pod.nodeSelector -}}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{ end -}}
{{- with .pod.tolerations -}}
tolerations:
  {{- toYaml . | nindent 2 }}
{{ end -}}
{{- with .pod.affinity -}}
affinity:
  {{- toYaml . | nindent 2 }}
{{ end -}}
topologySpreadConstraints:
{{- with .pod.topologySpreadConstraints }}
  {{- toYaml . | nindent 2 }}
{{- else }}
  - topologyKey: kubernetes.io/hostname
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "names.selector" . | nindent 8 }}
{{- end }}
{{- end -}}

{{/* A service account of a component's own, which no pod has a token of. */}}
{{- define "pod.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "names.metadata" . | nindent 2 }}
  {{- with mergeOverwrite (deepCopy .root.Values.pod.serviceAccountAnnotations) (.pod.serviceAccountAnnotations | default dict) }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end -}}
