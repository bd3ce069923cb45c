{{/*
Every worker set by name, whole: `celery` with the set's own values laid over it, and what follows from its time limit.
Every template that has to do with workers ranges over this. Maps are merged, lists are replaced.

The margins are those of app/config/queues.py; a guard test compares the results.
*/}}
{{- define "workers.all" -}}
{{- $sets := dict -}}
{{- range $name, $own := .Values.workers -}}
{{- $set := mergeOverwrite (deepCopy $.Values.celery) (deepCopy ($own | default dict)) -}}
{{- /* A finish may wait 90 s for the database after the service's time is up. */ -}}
{{- $hardLimit := add (int $set.timeLimit) 90 -}}
{{- /* Another 30 s, and a stopping worker is killed. */ -}}
{{- $gracePeriod := $set.gracePeriod | default (add $hardLimit 30) -}}
{{- $_ := set $set "queue" ($set.queue | default $name) -}}
{{- $_ := set $set "hardLimit" $hardLimit -}}
{{- $_ := set $set "gracePeriod" $gracePeriod -}}
{{- /* The broker's redelivery comes 60 s after the last moment at which a living worker could hold a message. */ -}}
{{- $_ := set $set "visibilityTimeout" (add $hardLimit (int $gracePeriod) 60) -}}
{{- $_ := set $set "most" (include "workers.most" $set.autoscaling | int) -}}
{{- $_ := set $sets $name $set -}}
{{- end -}}
{{- toYaml $sets -}}
{{- end -}}

{{/* The replicas that `autoscaling` allows at most. */}}
{{- define "workers.most" -}}
{{- int (ternary .replicas .max (eq .engine "none")) -}}
{{- end -}}

{{/* The replicas that it allows at least. */}}
{{- define "workers.least" -}}
{{- int (ternary .replicas .min (eq .engine "none")) -}}
{{- end -}}

{{/* The key of a set's in-flight hash, or nothing: root, set. */}}
{{- define "workers.inFlightKey" -}}
{{- tpl .set.inFlightKey (dict "queue" .set.queue "Template" .root.Template) -}}
{{- end -}}

{{/*
How many replicas a set wants: enough that none has more than jobsPerReplica jobs waiting or running, and never fewer
than the running jobs fill.
*/}}
{{- define "workers.formula" -}}
{{- $jobs := int .set.autoscaling.jobsPerReplica -}}
{{- if include "workers.inFlightKey" . -}}
max((queued + running) / {{ $jobs }}, running / {{ int .set.concurrency }})
{{- else -}}
queued / {{ $jobs }}
{{- end -}}
{{- end -}}

{{/* The command of a worker in an image that is not ours: Celery's own program. */}}
{{- define "workers.celeryCommand" -}}
- celery
- --app={{ .root.Values.application.celery }}
- worker
- --queues={{ .set.queue }}
- --hostname={{ .set.queue }}@%h
- --pool={{ .set.pool }}
- --concurrency={{ int .set.concurrency }}
- --time-limit={{ int .set.hardLimit }}
- --soft-time-limit={{ int .set.timeLimit }}
- --prefetch-multiplier=1
- --without-mingle
- --without-gossip
{{- if .root.Values.exporter.enabled }}
- --task-events
{{- end }}
- --loglevel=INFO
{{- end -}}
