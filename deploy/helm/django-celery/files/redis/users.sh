#!/bin/sh
# Write Redis' user file: the rules of /etc/redis/roles, a line for each role, and the passwords' digests.
set -eu
umask 077

file=/run/redis/users.acl
{
    # Nobody can log in as this user. Redis reads its append-only file as it, and leaves out transactions in which there
    # is something that it may not do (redis/redis#14541).
    echo "user default off resetpass allkeys allchannels allcommands"
    while read -r role rules; do
        # As the application reads a password: without the line break at its end.
        digest=$(printf %s "$(cat "/run/passwords/redis-$role")" | sha256sum | cut -d ' ' -f 1)
        echo "user $role on #$digest resetkeys resetchannels -@all $rules"
    done </etc/redis/roles
} >"$file.new"
mv "$file.new" "$file"
# For the probes and for reload.sh, which must log in with what the running Redis knows.
cp /run/passwords/redis-admin /run/redis/admin.new
