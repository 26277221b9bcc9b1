"""`python -m lightning_mock` is the command `lightning-mock`."""

import sys

from lightning_mock.command import main

sys.exit(main())
