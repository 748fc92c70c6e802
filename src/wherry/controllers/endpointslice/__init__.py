"""Lists the addresses behind each Service in EndpointSlices of at most 100 endpoints."""
