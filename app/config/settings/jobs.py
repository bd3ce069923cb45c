"""The engine's timers, in seconds; shortened in tests."""

from .env import env

JOB_LEASE = env.job_lease
JOB_LEASE_RENEWAL = env.job_lease_renewal
RELAY_INTERVAL = env.relay_interval
DISPATCH_OVERDUE = env.dispatch_overdue
DISPATCH_UNDISPATCHED = env.dispatch_undispatched
# After a failed publish a process leaves publishing to the relay for so long.
DISPATCH_PAUSE = 5
# An attempt may be lost so often before its job is dead.
JOB_LOSSES_MAX = 3
JOB_PROFILE_SAMPLE = env.job_profile_sample
JOB_RETENTION_DAYS = env.job_retention_days
JOB_RETENTION_SUCCEEDED_DAYS = env.job_retention_succeeded_days or env.job_retention_days
JOB_RETENTION_DEAD_DAYS = env.job_retention_dead_days or env.job_retention_days
JOB_RETENTION_CANCELLED_DAYS = env.job_retention_cancelled_days or env.job_retention_days
FILE_MAX_BYTES = env.file_max_bytes
HEALTH_DIR = env.health_dir
METRICS_PORT = env.metrics_port
METRICS_INTERVAL = env.metrics_interval
