"""Parts that pages share: cached resources, and pieces with a `show` that own their session state."""
