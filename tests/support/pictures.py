"""Requests for raw pixels, and what two pictures may differ by."""

import numpy

from protos import pb

# float32 rounding in another batch shape moves a few values by one, never more.
MIN_EQUAL_SHARE = 0.999


def raw_request(**fields):
    """A request for uncompressed pixels."""
    request = pb.GenerateImagesRequest(**fields)
    request.output.format = pb.IMAGE_FORMAT_RAW_RGB
    return request


def pixels_of(image):
    """A raw image as an array of height x width x 3 bytes."""
    assert image.format == pb.IMAGE_FORMAT_RAW_RGB
    assert image.finish_reason == pb.FINISH_REASON_DONE
    return numpy.frombuffer(image.data, numpy.uint8).reshape(image.height, image.width, 3)


def assert_same_picture(actual, expected, what=""):
    """At least 99.9 % of the 8-bit values are equal and none is off by more than 1."""
    assert actual.shape == expected.shape, what
    off = numpy.abs(actual.astype(int) - expected.astype(int))
    equal = float(numpy.mean(off == 0))
    assert off.max() <= 1 and equal >= MIN_EQUAL_SHARE, (
        f"{what}: {equal:.4%} of values equal, the worst off by {off.max()}"
    )


def moved_share(one, other):
    """The share of pixels in which two pictures of one size differ."""
    return float(numpy.mean((one != other).any(axis=-1)))


def psnr(one, other):
    """Peak signal-to-noise ratio of two pictures of 8-bit values, in dB; of equal ones 138."""
    error = numpy.mean((one.astype(float) - other) ** 2)
    return float(10 * numpy.log10(255**2 / max(error, 1e-9)))


def ssim(one, other):
    """Structural similarity of two pictures of 8-bit values: 1 when equal, 0 when unrelated.

    Equation 13 of Wang et al. 2004, with its constants, in windows of 8 x 8, averaged.
    """
    one, other = (
        numpy.lib.stride_tricks.sliding_window_view(picture.astype(float), (8, 8), axis=(0, 1))
        for picture in (one, other)
    )
    window = (-2, -1)
    means = one.mean(window), other.mean(window)
    variances = one.var(window) + other.var(window)
    covariance = (one * other).mean(window) - means[0] * means[1]
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = (2 * means[0] * means[1] + c1) * (2 * covariance + c2)
    return float((similarity / ((means[0] ** 2 + means[1] ** 2 + c1) * (variances + c2))).mean())
