"""The words that a user of the mock chooses from, for its settings, its control API and its client alike.

Law: nothing but words: the client and the pytest plugin load this into other people's test runs.
"""

from __future__ import annotations

from typing import Literal

MetadataForm = Literal["bare", "choices"]
"""The first event of a stream: the metadata alone, or among `choices` like all others."""
RetryAdvice = Literal["none", "seconds", "date", "x-should-retry-true", "x-should-retry-false"]
"""What a 429 says about trying again."""
Broken = Literal[
    "expired", "not_yet_valid", "wrong_signature", "wrong_audience", "no_subject", "no_expiry", "unsigned"
]
"""What is wrong with an access token that is minted broken."""
