"""Shows hand-made Endpoints of Services without a selector as EndpointSlices, which is all that proxies read."""
