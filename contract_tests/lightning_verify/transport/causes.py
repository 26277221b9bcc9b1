"""Why no answer came, in words for the person who has to fix it."""

from __future__ import annotations

import errno

import aiohttp

# How it begins where nobody listens.
REFUSED = "connection refused"
SILENCE = "the host closed the connection without an answer"
# How the library says that the first line is not one of HTTP.
_NO_HTTP = "Bad status line"
# What it says of a body that it cannot decode.
_ENCODING = "content-encoding"


def cause(problem: Exception) -> str:
    """One line on why a request has no answer."""
    if isinstance(problem, aiohttp.ClientConnectorDNSError):
        return f"the name {problem.host} cannot be resolved"
    if isinstance(problem, aiohttp.ClientConnectorCertificateError):
        reason = getattr(problem.certificate_error, "verify_message", "") or problem.certificate_error
        return f"the certificate of {problem.host} is not valid: {reason}"
    if isinstance(problem, aiohttp.ClientConnectorSSLError):
        return f"{problem.host}:{problem.port} does not speak TLS, or not as we do; is it http://?"
    if isinstance(problem, aiohttp.ClientConnectorError):
        where = f"{problem.host}:{problem.port}"
        if problem.os_error.errno == errno.ECONNREFUSED:
            return f"{REFUSED} by {where}; is a server listening there?"
        return f"{where} cannot be reached: {problem.os_error.strerror or problem.os_error}"
    # Whether it ends politely or with a reset depends on what it had not read yet.
    reset = isinstance(problem, OSError) and problem.errno == errno.ECONNRESET
    if reset or isinstance(problem, aiohttp.ServerDisconnectedError):
        return SILENCE
    # What is no HTTP, or not in the form of it, has a made-up status.
    if isinstance(problem, aiohttp.ClientResponseError) and problem.status == 400:
        why = _in_words(problem)
        if why.startswith(_NO_HTTP):
            return f"the host does not speak HTTP here; is it https://? ({why})"
        if _ENCODING not in why:
            return f"the answer is no HTTP that can be read: {why}"
        return f"the body is in an encoding that was not offered: {why}"
    if isinstance(problem, aiohttp.ClientPayloadError):
        why = _in_words(problem.__cause__ or problem)
        return f"the body has no proper end, or is not encoded as its headers say: {why}"
    return f"{type(problem).__name__}: {problem}"


def _in_words(problem: BaseException) -> str:
    """What the library says, without the status that it makes up."""
    return " ".join(getattr(problem, "message", str(problem)).split())
