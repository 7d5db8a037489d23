"""The YOLOX detector on each runtime."""
