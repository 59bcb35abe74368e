"""Time: intervals, calendar entries and feeds. Pure."""
