"""Tests on the cluster that `make kind-up` made: kind, KEDA, the chart and real processes, nothing in their place.

`kube` touches the cluster, `stack` the release, `prometheus` asks for what was measured, `timeline` remembers replicas,
`probe` is what the tests' image adds.
"""
