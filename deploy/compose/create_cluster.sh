#!/bin/sh
# Makes one Redis Cluster of the nodes that compose.yaml starts.
set -eu
nodes=
for host in redis-cluster-0 redis-cluster-1 redis-cluster-2; do
  # CLUSTER MEET takes addresses only.
  nodes="$nodes $(getent hosts "$host" | cut -d' ' -f1):6379"
done
is_whole() {
  redis-cli -h redis-cluster-0 cluster info | grep -q cluster_state:ok
}
# shellcheck disable=SC2086 # a list of words
is_whole || redis-cli --cluster create $nodes --cluster-yes
until is_whole; do sleep 1; done
