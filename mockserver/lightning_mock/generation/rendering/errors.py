"""Why a caller's picture is not decoded."""


class TooManyPixelsError(ValueError):
    """The picture is too large to hold in memory."""


class HeavyPictureError(ValueError):
    """The picture may take long to decode."""


class TooMuchWorkError(ValueError):
    """The picture takes too long to decode."""
