"""A city to try the platform with: made from a seed, loaded through the doors everybody uses."""
