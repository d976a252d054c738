"""What to do next: status, proposals for the days ahead, and alarms."""
