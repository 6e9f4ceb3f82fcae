"""Face tables, protocols, the decode-once cache, augmentation and the device loader."""
