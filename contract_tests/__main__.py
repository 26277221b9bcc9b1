"""`python -m contract_tests` is `lightning-verify`."""

import sys

from contract_tests.cli import main

sys.exit(main())
