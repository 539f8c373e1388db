#!/bin/sh
# Makes one cluster of the six nodes; does nothing where that has happened.
set -eu
nodes=
for n in 0 1 2 3 4 5; do
  host=redis-cluster-$n.redis-cluster
  until [ "$(redis-cli -h "$host" ping)" = PONG ]; do sleep 1; done
  # CLUSTER MEET takes addresses only.
  nodes="$nodes $(getent hosts "$host" | cut -d' ' -f1):6379"
done
if redis-cli -h redis-cluster-0.redis-cluster cluster info | grep -q cluster_state:ok; then
  exit 0
fi
# shellcheck disable=SC2086 # a list of words
redis-cli --cluster create $nodes --cluster-replicas 1 --cluster-yes
