"""`python -m lightning_verify` is `lightning-verify`."""

import sys

from lightning_verify.command import main

sys.exit(main())
