"""`python -m mockserver` is the command `lightning-mock`."""

import sys

from mockserver.cli import main

sys.exit(main())
