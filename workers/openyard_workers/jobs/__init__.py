"""Jobs that arq runs."""
