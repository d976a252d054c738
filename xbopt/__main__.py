"""``python -m xbopt``: the command line."""

from xbopt.cli.main import main

main()
