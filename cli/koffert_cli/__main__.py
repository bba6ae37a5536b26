"""`python -m koffert_cli`: how the demonstration starts its own processes."""

from koffert_cli.main import main

main()
