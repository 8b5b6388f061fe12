"""`python -m ucrepl`."""

import sys

from ucrepl.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
