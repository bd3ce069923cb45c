"""What performance claims rest on: `make bench` runs it all, `python -m benchmarks throughput` one part.

Every figure is a ratio of two contenders that were measured in turns within one run on one machine: absolute rates say
more about the machine than about the code.
"""
