"""Starts the exporter. It takes the broker only as an address with the password in it, which here comes from a file."""

import os
import sys
from pathlib import Path
from urllib.parse import quote

user, password = os.environ["REDIS_USERNAME"], Path(os.environ["REDIS_PASSWORD_FILE"]).read_text().strip()
os.environ["CE_BROKER_URL"] = os.environ["REDIS_URL"].replace("rediss://", f"rediss://{user}:{quote(password, '')}@", 1)
tls = {"ssl_ca_certs": os.environ["REDIS_CA_PATH"], "ssl_cert_reqs": "required", "ssl_check_hostname": "1"}
if "REDIS_CERT_PATH" in os.environ:
    tls |= {"ssl_certfile": os.environ["REDIS_CERT_PATH"], "ssl_keyfile": os.environ["REDIS_KEY_PATH"]}
os.environ["CE_BROKER_SSL_OPTION"] = " ".join(f"{name}={value}" for name, value in tls.items())
program = ["python", "/app/cli.py", *sys.argv[1:]]
os.execvp(program[0], program)  # noqa: S606
