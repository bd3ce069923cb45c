#!/bin/sh
# Tell Redis of renewed certificates and passwords: it reads neither again by itself. Connections go on; new ones are
# made with what is new. Beside it in the pod, by its socket, so that it needs no certificate to reach it.
set -eu
trap 'exit 0' TERM

fingerprint() { cat /run/passwords/* /run/tls/* | sha256sum; }

cli() { REDISCLI_AUTH=$(cat /run/redis/admin) redis-cli -e -s /run/redis/redis.sock --user admin "$@"; }

seen=$(fingerprint)
while true; do
    sleep 20 &
    wait $!
    now=$(fingerprint)
    [ "$now" != "$seen" ] || continue
    sh /etc/redis/users.sh
    if cli CONFIG SET tls-ca-cert-file /run/tls/ca.crt tls-cert-file /run/tls/tls.crt tls-key-file /run/tls/tls.key &&
        cli ACL LOAD; then
        mv /run/redis/admin.new /run/redis/admin
        seen=$now
        echo "certificates and users read again"
    else
        echo "certificates and users could not be read again; trying once more in 20 s" >&2
    fi
done
