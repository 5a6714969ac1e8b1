"""What the deploy costs, measured: `make bench`."""
