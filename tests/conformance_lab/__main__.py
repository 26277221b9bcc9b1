"""Start a server from the command line: `python -m tests.conformance_lab --port 0`."""

from __future__ import annotations

import argparse
import asyncio
import os

from tests.conformance_lab.credentials import from_environment
from tests.conformance_lab.running import listen, make_lab, serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance_lab", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fault", action="append", default=[], metavar="NAME")
    parser.add_argument("--variant", action="append", default=[], metavar="NAME")
    parser.add_argument("--list", action="store_true", help="name every fault, variant and hostile host")
    options = parser.parse_args()
    lab = make_lab(options.fault, options.variant, from_environment(os.environ))
    with listen(options.port) as listener:
        print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        asyncio.run(serve(lab, listener).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
