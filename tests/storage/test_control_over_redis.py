"""What holds of counts and clocks in one process holds of those in Redis: the same tests, over Redis."""

from __future__ import annotations

import pytest

from tests.control.test_own_clocks import *  # noqa: F403
from tests.control.test_quota import *  # noqa: F403

pytestmark = pytest.mark.redis
