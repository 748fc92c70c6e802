"""Lists the addresses behind each Service in one Endpoints object, for clients older than EndpointSlices."""
