"""Every system of the papers behind the same two verbs: fit on seen classes, predict on described ones."""
