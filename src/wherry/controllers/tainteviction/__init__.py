"""Evicts pods from nodes whose NoExecute taints they do not, or no longer, tolerate."""
