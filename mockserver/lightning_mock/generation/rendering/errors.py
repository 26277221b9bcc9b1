"""Why a job is not done."""


class TooManyPixelsError(ValueError):
    """The picture is too large to hold in memory."""


class HeavyPictureError(ValueError):
    """The picture may take long to decode, so a worker without a CPU limit refuses it."""


class TooMuchWorkError(ValueError):
    """The job takes too much time or memory."""
