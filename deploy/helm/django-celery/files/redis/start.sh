#!/bin/sh
# Redis with the users of this moment.
set -eu

sh /etc/redis/users.sh
mv /run/redis/admin.new /run/redis/admin
exec redis-server /etc/redis/redis.conf
