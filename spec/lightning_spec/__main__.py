"""`python -m lightning_spec`: the command `lightning-spec`."""

import sys

from lightning_spec.command import main

sys.exit(main())
