"""Everything that happens after the request."""
