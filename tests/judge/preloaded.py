"""What every run of the judge needs and nobody wants to wait for twice: imported, and drawn, once.

The processes in which the tests run the judge are forked from one that has imported this module.
"""

from __future__ import annotations

from lab.matrix.trial import warm_up

warm_up(nonsense=False)
