"""Running it: command line, embedded servers, demo city, benchmarks."""
