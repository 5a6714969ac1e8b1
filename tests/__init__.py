"""Everything that checks the deploy."""
