"""What Beat tells Prometheus."""

from config.metrics import BEAT, gauge

LAST_TICK = gauge("jobs_beat_last_tick_timestamp_seconds", "When Beat last looked at its schedules.", [], BEAT)
