"""What a failed call tells its caller, unpacked for tests."""

import dataclasses

import grpc
import pytest

from protos import error_details, status

# One error beyond 8 KiB ends the whole connection, so the server promises far less.
MAX_ERROR_BYTES = 2048
MAX_VIOLATIONS = 16


@dataclasses.dataclass
class Failure:
    """One failed call; absent details are None, and `violations` maps field path to description."""

    code: grpc.StatusCode
    message: str
    info: error_details.ErrorInfo | None = None
    retry: error_details.RetryInfo | None = None
    violations: dict[str, str] = dataclasses.field(default_factory=dict)
    trailers: dict = dataclasses.field(default_factory=dict)

    @property
    def reason(self):
        return self.info.reason if self.info else None


def failure_of(error):
    """Unpacks a grpc.RpcError and holds it to the promises that every error keeps."""
    trailers = dict(error.trailing_metadata() or ())
    failure = Failure(code=error.code(), message=error.details() or "", trailers=trailers)
    packed = trailers.get("grpc-status-details-bin", b"")
    assert len(packed) + len(failure.message.encode()) <= MAX_ERROR_BYTES
    if not packed:
        return failure
    rich = status.Status.FromString(packed)
    assert (rich.code, rich.message) == (failure.code.value[0], failure.message)
    for detail in rich.details:
        if detail.Is(error_details.ErrorInfo.DESCRIPTOR):
            failure.info = error_details.ErrorInfo.FromString(detail.value)
            assert failure.info.domain == "darkroom"
        elif detail.Is(error_details.RetryInfo.DESCRIPTOR):
            failure.retry = error_details.RetryInfo.FromString(detail.value)
        elif detail.Is(error_details.BadRequest.DESCRIPTOR):
            found = error_details.BadRequest.FromString(detail.value).field_violations
            assert 1 <= len(found) <= MAX_VIOLATIONS, found
            assert all(violation.field and violation.description for violation in found), found
            for violation in found:
                earlier = failure.violations.get(violation.field)
                texts = [earlier] if earlier else []
                failure.violations[violation.field] = "; ".join([*texts, violation.description])
    return failure


def expect_failure(call):
    """The failure of `call()`, which must raise grpc.RpcError."""
    with pytest.raises(grpc.RpcError) as raised:
        call()
    return failure_of(raised.value)
