"""The seal of an artifact: the SHA-256 of everything before it, at the end of the file.

The seal is an ordinary property of an ONNX file, the last one, with the key `refinemask_sha256`.
Since it comes last and its form is fixed, no bit of the file can change unnoticed. It is no
signature: whoever changes a file on purpose can seal it again.
"""

import hashlib

_KEY = b"refinemask_sha256"
_DIGITS = 64
# Field 14 of the model, `metadata_props`: the key is its field 1, the value its field 2.
_ENTRY = bytes([10, len(_KEY)]) + _KEY + bytes([18, _DIGITS])
_PREFIX = bytes([14 * 8 + 2, len(_ENTRY) + _DIGITS]) + _ENTRY


def seal(digest: str) -> bytes:
    """Return the seal that follows the bytes of an ONNX model, given their SHA-256."""
    return _PREFIX + digest.encode("ascii")


def check_seal(data: bytes) -> str | None:
    """Return the SHA-256 in the seal of a file, or None if the file has changed or has no seal."""
    end = len(data) - len(_PREFIX) - _DIGITS
    if end < 0:
        return None
    digest = hashlib.sha256(memoryview(data)[:end]).hexdigest()
    return digest if data[end:] == seal(digest) else None
