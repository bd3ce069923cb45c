"""The whole stack on a cluster of its own in Docker: `python -m deploy.kind up|load|down`.

- `deploy.kind.names`     what is called how, and where manifests come from
- `deploy.kind.programs`  docker, kind, kubectl and helm: found, and run
- `deploy.kind.cluster`   the cluster and what it needs: images, KEDA, metrics-server
- `deploy.kind.monitoring`  the Prometheus operator and a Prometheus, for MONITORING=1
- `deploy.kind.release`   the chart, installed and tested
- `deploy.kind.token`     a token for its API
- `deploy.kind.load`, `deploy.kind.picture`  a queue that is filled, and what became of it

Its tests (`make kind-test`) use the same parts. What people see is printed as the local stack prints it.
"""
