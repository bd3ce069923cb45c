{{/*
Values that fit the schema and contradict each other. All of them are collected and reported in one failure, each with
what mends it.
*/}}
{{- define "validate" -}}
{{- $faults := concat
  (include "validate.names" . | fromYamlArray)
  (include "validate.servers" . | fromYamlArray)
  (include "validate.web" . | fromYamlArray)
  (include "validate.workers" . | fromYamlArray)
  (include "validate.image" . | fromYamlArray)
  (include "validate.connections" . | fromYamlArray)
-}}
{{- if $faults -}}
{{- printf "the values contradict each other:\n- %s" (join "\n- " $faults) | fail -}}
{{- end -}}
{{- end -}}

{{- define "validate.names" -}}
{{- $full := include "names.full" . -}}
{{- if gt (len $full) 30 }}
- {{ printf "names would begin with %q, which has %d characters, and 30 leave room for what is added; set fullnameOverride" $full (len $full) | quote }}
{{- end }}
{{- end -}}

{{/* Redis, PostgreSQL, and what they prove themselves with. */}}
{{- define "validate.servers" -}}
{{- range $server := list "redis" "postgresql" }}
{{- $values := get $.Values $server }}
{{- if and $values.enabled $values.external.host }}
- {{ printf "%s.enabled is true and %s.external.host is set; leave one of them" $server $server | quote }}
{{- end }}
{{- $needed := or (eq $server "redis") (not $.Values.application.celery) }}
{{- if and (not $values.enabled) (not $values.external.host) $needed }}
- {{ printf "%s.enabled is false and there is no other; set %s.external.host" $server $server | quote }}
{{- end }}
{{- if and (not $values.enabled) $values.external.host (not $.Values.secrets.existing) }}
- {{ printf "%s.enabled is false, and a generated password would not be its own; name the Secret in secrets.existing" $server | quote }}
{{- end }}
{{- end }}
{{- if and (not .Values.redis.enabled) (ne .Values.tls.source "secret") }}
- {{ printf "redis.enabled is false and tls.source is %s, which signs only for the chart's own servers; set tls.source=secret and tls.secret to a Secret with the authority's ca.crt" .Values.tls.source | quote }}
{{- end }}
{{- if and (eq .Values.tls.source "secret") (not .Values.tls.secret) }}
- "tls.source is secret and tls.secret is empty; name the Secret"
{{- end }}
{{- if and (ne .Values.tls.source "secret") .Values.tls.secret }}
- {{ printf "tls.secret is set and tls.source is %s, which makes another; set tls.source=secret" .Values.tls.source | quote }}
{{- end }}
{{- end -}}

{{- define "validate.web" -}}
{{- with .Values.web }}
{{- if and .ingress.enabled .httpRoute.enabled }}
- "web.ingress and web.httpRoute are both enabled; the hosts can have one way in, disable the other"
{{- end }}
{{- if and (or .ingress.enabled .httpRoute.enabled) (not .hosts) }}
- "web.hosts is empty and an Ingress or HTTPRoute is enabled; list its host names in web.hosts"
{{- end }}
{{- if and .httpRoute.enabled (not .httpRoute.parentRefs) }}
- "web.httpRoute is enabled and parentRefs is empty; name its Gateway"
{{- end }}
{{- if and .service.nodePort (eq .service.type "ClusterIP") }}
- "web.service.nodePort is set and web.service.type is ClusterIP; set the type to NodePort"
{{- end }}
{{- include "validate.autoscaling" (dict "path" "web" "values" .) }}
{{- end }}
{{- end -}}

{{/* path, and values with autoscaling and resources. */}}
{{- define "validate.autoscaling" -}}
{{- $scaling := .values.autoscaling }}
{{- if ne $scaling.engine "none" }}
{{- if gt (int $scaling.min) (int $scaling.max) }}
- {{ printf "%s.autoscaling.min is %d and max is %d; min must not be above max" .path (int $scaling.min) (int $scaling.max) | quote }}
{{- end }}
{{- end }}
{{- if eq $scaling.engine "hpa" }}
{{- if lt (int $scaling.min) 1 }}
- {{ printf "%s.autoscaling.min is 0 and the engine is hpa, which has nothing to measure then; set min to 1, or the engine to keda" .path | quote }}
{{- end }}
{{- if not (dig "requests" "cpu" "" .values.resources) }}
- {{ printf "%s.autoscaling.engine is hpa and resources.requests.cpu is not set, of which it takes per cent; set it" .path | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "validate.workers" -}}
{{- $served := dict }}
{{- range $name, $set := include "workers.all" . | fromYaml }}
{{- $path := printf "workers.%s" $name }}
{{- include "validate.autoscaling" (dict "path" $path "values" $set) }}
{{- with get $served $set.queue }}
- {{ printf "%s and workers.%s both serve the queue %s, so each would count the other's jobs; serve it by one" $path . $set.queue | quote }}
{{- end }}
{{- $_ := set $served $set.queue $name }}
{{- if and (eq $set.pool "threads") (lt (int $set.gracePeriod) (int (add $set.hardLimit 30))) }}
- {{ printf "%s.gracePeriod is %d s and its pool is threads, which cannot give running jobs back; it must be at least %d s, or empty" $path (int $set.gracePeriod) (add $set.hardLimit 30) | quote }}
{{- end }}
{{- $object := include "names.object" (dict "root" $ "component" "worker" "set" $name) }}
{{- if gt (len $object) 54 }}
- {{ printf "%s would be the object %s, whose name has %d characters, and 54 leave room for KEDA's; shorten the entry's name and set its queue" $path $object (len $object) | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What an image that is not this project's does not have. */}}
{{- define "validate.image" -}}
{{- if .Values.application.celery }}
{{- if and .Values.relay.enabled (not .Values.relay.command) }}
- "application.celery is set, and relay is enabled without a command; such an image has no relay, set relay.enabled=false"
{{- end }}
{{- if and .Values.web.enabled (not .Values.web.command) }}
- "application.celery is set, and web is enabled without a command; set web.command, such as [gunicorn, --bind=0.0.0.0:8000, project.wsgi], or web.enabled=false"
{{- end }}
{{- if and .Values.migrations.enabled (or (not .Values.migrations.command) (not .Values.migrations.wait.command)) }}
- "application.celery is set, and migrations are enabled without both commands; set migrations.command and migrations.wait.command, or migrations.enabled=false"
{{- end }}
{{- if and (eq .Values.monitoring.discovery "operator") .Values.monitoring.rules.enabled (not .Values.monitoring.port) }}
- "application.celery is set, and monitoring.rules are enabled without monitoring.port; alerts read this project's metrics, set monitoring.rules.enabled=false"
{{- end }}
{{- if and .Values.smokeTest.enabled (not .Values.smokeTest.command) }}
- "application.celery is set, and smokeTest is enabled without a command; set smokeTest.command, or smokeTest.enabled=false"
{{- end }}
{{- else }}
{{- if not .Values.relay.enabled }}
- "relay.enabled is false: jobs whose message was lost would wait for ever; enable it, or set application.celery where the image is not this project's"
{{- end }}
{{- end }}
{{- end -}}

{{/*
Connections to PostgreSQL at most: a worker's children and its guard have one each, web's threads too. Twice, for a
rollout starts the new pods before the old ones have drained. Then the relay's two, one of them for its metrics, beat,
migrations and the smoke test, and 3 that PostgreSQL keeps for administrators.
*/}}
{{- define "validate.connections" -}}
{{- $sum := 8 }}
{{- range include "workers.all" . | fromYaml }}
{{- $sum = add $sum (mul 2 (int .most) (add 1 (int .concurrency))) }}
{{- end }}
{{- with .Values.web }}
{{- if .enabled }}
{{- $sum = add $sum (mul 2 (include "workers.most" .autoscaling | int) (int .processes) (int .threads)) }}
{{- end }}
{{- end }}
{{- if gt (int $sum) (int .Values.postgresql.maxConnections) }}
- {{ printf "the pods may hold %d database connections and postgresql.maxConnections is %d; raise it, or lower the sets' autoscaling.max or concurrency" (int $sum) (int .Values.postgresql.maxConnections) | quote }}
{{- end }}
{{- end -}}
