#!/bin/sh
# Makes the secrets of the development stack that are not there yet, in the folder /secrets or $1.
# They are readable by all, because each container runs as another user; the volume is no other's.
set -eu
cd "${1:-/secrets}"

create() {
  [ -s "$1" ] && return
  head -c 32 /dev/urandom | base64 | tr -d '\n' >"$1.new"
  chmod 0444 "$1.new"
  mv "$1.new" "$1"
}

for name in jwt_secret encryption_key redis_password broker_password grafana_password; do
  create "$name"
done
printf 'save ""\nrequirepass %s\n' "$(cat redis_password)" >redis.conf
