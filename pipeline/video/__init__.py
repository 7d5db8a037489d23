"""Video in and out: sources (file, folder of images, camera, stream) and the H.264 sink, both on PyAV."""

from pipeline.video.info import VideoInfo, VideoSource
from pipeline.video.sink import VideoSink
from pipeline.video.source import open_video, sha256_of

__all__ = ["VideoInfo", "VideoSink", "VideoSource", "open_video", "sha256_of"]
