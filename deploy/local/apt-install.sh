#!/bin/sh
# Install Debian packages, and start, enable or create nothing: `apt-install.sh redis-server postgresql`.
#
# Debian starts a server when it is installed and at every boot, and makes a PostgreSQL cluster for it. The local stack
# wants the programs alone. What is laid down here for the time of the installation is put back at its end.
set -eu

policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/local-stack.conf
saved=$(mktemp -d)
before=$(dpkg-query --show --showformat='${Package} ' 2>/dev/null)

restore() {
    rm -f "$policy" "$cluster"
    if [ -e "$saved/policy-rc.d" ]; then cp -a "$saved/policy-rc.d" "$policy"; fi
    rm -rf "$saved"
    rmdir "$(dirname "$cluster")" 2>/dev/null || true
}
trap restore EXIT
trap 'exit 130' INT TERM HUP

if [ -e "$policy" ]; then cp -a "$policy" "$saved/policy-rc.d"; fi
rm -f "$policy"
printf '#!/bin/sh\n# For the time of an installation by the local stack: start nothing.\nexit 101\n' >"$policy"
chmod 755 "$policy"
mkdir -p "$(dirname "$cluster")"
echo "create_main_cluster = false" >"$cluster"

export DEBIAN_FRONTEND=noninteractive
log="$saved/apt.log"
# One unreachable list is no reason to stop: the package may stand in another.
apt-get -o DPkg::Lock::Timeout=300 -qq update >"$log" 2>&1 || tail -n 5 "$log" >&2
if ! apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "$@" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    exit 1
fi

# Not at the next boot either; but a server that was there before is somebody's.
for service in redis-server postgresql; do
    case " $before" in *" $service "*) continue ;; esac
    if [ -e "/etc/init.d/$service" ]; then update-rc.d "$service" disable >/dev/null; fi
done
