"""Says in a PodDisruptionBudget's status how many of its pods may be disturbed now."""
