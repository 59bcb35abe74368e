"""What happened, and how it travels."""
