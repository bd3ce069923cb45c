"""Grafana's dashboards, made from the list of queues: `python -m deploy.dashboards`, or `make docs`.

- `deploy.dashboards.panels`    what a panel, a row and a dashboard are
- `deploy.dashboards.overview`  everything at a glance
- `deploy.dashboards.queue`     one queue, chosen by a variable
- `deploy.dashboards.scaling`   backlog, running work and replicas, a row per queue

Written to the chart's folder `dashboards/`; a guard test fails when what is committed is not what would be written.
Everything that is asked for selects the namespaces that the dashboard's variable names.
"""
