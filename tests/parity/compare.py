"""Sends cases to a server together and takes their pictures."""

import numpy as np
from cases import Case, to_request

from live_server import LiveServer
from pictures import pixels_of

_CALL_TIMEOUT_S = 120


def generate(server: LiveServer, group: list[Case]) -> list[np.ndarray]:
    """Sends the cases at once, checks that each had company, and returns their images."""
    calls = [
        server.stub.GenerateImages.future(to_request(case), timeout=_CALL_TIMEOUT_S)
        for case in group
    ]
    replies = [call.result() for call in calls]
    pictures = []
    for case, reply in zip(group, replies, strict=True):
        assert (reply.stats.batch_sizes.max > 1) == (len(group) > 1), reply.stats
        [image] = reply.images
        assert image.seed == case.seed
        pictures.append(pixels_of(image))
    return pictures
