"""StorageClass, CSIDriver, CSINode, CSIStorageCapacity, VolumeAttachment, VolumeAttributesClass."""

from wherry.api.validation.rules import Rules

RULES: dict[str, Rules] = {}
