"""``python -m dcsim_experiments`` is ``dcsim``."""

import sys

from dcsim_experiments.cli import main

if __name__ == "__main__":
    sys.exit(main())
