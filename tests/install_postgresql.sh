#!/bin/sh
# The catalogue's tests run on PostgreSQL, too, where its programs are there. Installs them where they are missing and that is
# allowed, without a database of its own being set up or started; says so and goes on where it is not.
set -eu
if ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v postgres >/dev/null 2>&1; then exit 0; fi
as_root=""
if [ "$(id -u)" -ne 0 ]; then as_root="sudo -n"; fi
if ! command -v apt-get >/dev/null 2>&1 || ! $as_root true 2>/dev/null; then
    echo "PostgreSQL is not installed and cannot be installed here: the catalogue is tested on SQLite alone." >&2
    exit 0
fi
settings=/etc/postgresql-common/createcluster.conf
if [ ! -e "$settings" ]; then
    $as_root mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" | $as_root tee "$settings" >/dev/null
fi
if ! { $as_root apt-get update -qq && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Options::=--force-confold postgresql >/dev/null; }; then
    echo "PostgreSQL could not be installed: the catalogue is tested on SQLite alone." >&2
fi
