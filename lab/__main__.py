"""Start a server from the command line: `python -m lab --port 0`."""

from __future__ import annotations

import argparse
import asyncio
import os

from lab.faults import FAULTS
from lab.hostile import HOSTS
from lab.running import listen, make_lab, serve
from lab.server.credentials import from_environment
from lab.variants import VARIANTS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fault", action="append", default=[], choices=FAULTS, metavar="NAME")
    parser.add_argument("--variant", action="append", default=[], choices=VARIANTS, metavar="NAME")
    parser.add_argument("--list", action="store_true", help="name every fault, variant and hostile host")
    options = parser.parse_args()
    if options.list:
        _list()
        return
    lab = make_lab(options.fault, options.variant, from_environment(os.environ))
    with listen(options.port) as listener:
        # Whoever reads the line may connect at once.
        listener.listen(128)
        print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        asyncio.run(serve(lab).serve(sockets=[listener]))


def _list() -> None:
    for fault in FAULTS.values():
        requirements = " ".join(fault.requirements)
        print("fault", fault.name, fault.origin, requirements, fault.spend, fault.does, sep="\t")
    for variant in VARIANTS.values():
        print(f"variant\t{variant.name}\t{variant.group}\t{variant.does}")
    for host in HOSTS.values():
        print(f"hostile\t{host.name}\t{host.does}")


if __name__ == "__main__":
    main()
