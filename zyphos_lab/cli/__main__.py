"""`python -m zyphos_lab.cli` is `zyphos-lab`."""

from zyphos_lab.cli.main import main

main()
