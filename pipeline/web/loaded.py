"""What every job needs, loaded once for all jobs of a server: seconds less at the start of each."""

from pipeline.feedback import say, strangers, suggest
from pipeline.inference.runtime import openvino
from pipeline.jobs import enrol, identify, run
from pipeline.recognition.models import gaitbase
from pipeline.web import orders

__all__ = ["enrol", "gaitbase", "identify", "openvino", "orders", "run", "say", "strangers", "suggest"]

openvino()  # without its telemetry
