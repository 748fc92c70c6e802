"""Publishes the cluster's root certificate as ConfigMap `kube-root-ca.crt` in every namespace; pods mount it."""
