"""Why a picture of others is not decoded."""


class TooManyPixelsError(ValueError):
    """The picture is larger than anybody should have to hold in memory."""


class HeavyPictureError(ValueError):
    """The picture may take long to decode."""


class TooMuchWorkError(ValueError):
    """The picture takes longer to decode than anybody should have to wait for."""
