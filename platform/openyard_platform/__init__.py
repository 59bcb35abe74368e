"""The application: its rules, its records and its web."""
