"""`python -m vinr_server.cli` is `vinr`."""

from vinr_server.cli.main import main

main()
