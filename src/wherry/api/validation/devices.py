"""The kinds of resource.k8s.io: DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice."""

from wherry.api.validation.rules import Rules

RULES: dict[str, Rules] = {}
