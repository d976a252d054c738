"""One file a command; only here are exit codes and terminal output."""
