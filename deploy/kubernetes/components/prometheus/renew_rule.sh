#!/bin/sh
# Writes prometheus_rule.yaml from deploy/prometheus/alerts.yaml; kustomize reads no file of another
# folder, and cannot make a custom resource of one.
cd "$(dirname "$0")" || exit 1
{
  cat <<HEADER
# Made by renew_rule.sh from deploy/prometheus/alerts.yaml: change that.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: cache-service
  labels:
    app.kubernetes.io/name: cache-service
spec:
HEADER
  sed '/./s/^/  /' ../../../prometheus/alerts.yaml
} >"${1:-prometheus_rule.yaml}"
