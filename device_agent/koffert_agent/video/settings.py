"""Which devices the visit uses; apart from the libraries that open them."""

from typing import Literal

from msgspec import Struct

CameraSize = Literal["640x480", "1280x720"]


class VideoSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`test:` is a built-in source, an empty sound device is none.

    `camera` is a V4L2 device, best by its name in /dev/v4l/by-id; sound devices are ALSA names. `camera_format` is
    what to ask the camera for (`mjpeg`, `yuyv422`, `h264`), empty for whatever its driver gives first; `h264` is
    passed on as it is where the link bears it. `camera_size` is `640x480` or `1280x720`.
    """

    camera: str = "/dev/video0"
    camera_format: str = ""
    camera_size: CameraSize = "640x480"
    microphone: str = "default"
    loudspeaker: str = "default"
