"""The command `lightning-mock`, also as `python -m lightning_mock`."""

import gc
import sys

# Nothing that is imported becomes garbage, and looking for some takes a tenth of the start. The command
# turns the collector on again.
gc.disable()

from lightning_mock.command import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
