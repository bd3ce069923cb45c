"""The local stack: real Redis and PostgreSQL and every process of the application, on loopback, without containers.

Run as `python -m devstack <verb>`; the Makefile's targets do nothing else. Tests use the same parts:

- `devstack.certificates`  a development authority and a certificate, as strict as Python 3.13 wants them
- `devstack.redis`, `devstack.postgres`  servers in a folder and on a port: start, stop, kill, pause, restart
- `devstack.application`  the environment and the processes of each role, wired to such servers
- `devstack.processes`, `devstack.tether`  a process that cannot outlive the one that started it

What `make up` and `make demo` add:

- `devstack.state`  what a checkout remembers between runs, and the lock of its running stack
- `devstack.stack`  all of it together, stopped in the right order
- `devstack.up`, `devstack.demo`, `devstack.attach`  the verbs
"""
