"""``python -m hotloop`` is the command ``hotloop``."""

import sys

from hotloop.cli import main

sys.exit(main())
