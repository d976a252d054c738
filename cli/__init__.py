"""One file a command; only here are exit codes and terminal output."""

import signal
import sys

if sys.argv[1:2] == ["serve"]:
    # Here, because the rest takes a while to load: nobody who closes a terminal, or asks for tokens to be read anew too
    # early, means to end the service.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
