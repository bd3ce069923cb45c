"""Reports on what the imports brought."""
