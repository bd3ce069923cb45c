#!/bin/sh
# Once, when the database is made: the application's own user, who owns its database and nothing else.
set -eu

psql --set ON_ERROR_STOP=1 --no-psqlrc --username postgres --dbname postgres \
    --set password="$(cat /run/passwords/database-password)" <<'SQL'
CREATE ROLE app LOGIN PASSWORD :'password';
CREATE DATABASE app OWNER app;
SQL
