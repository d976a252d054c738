"""What a format needs that its profile cannot say: functions from rows to rows, named by profiles."""
