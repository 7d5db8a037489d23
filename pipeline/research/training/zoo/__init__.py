"""The networks that can be trained, a family a file: from OpenGait's model_cfg to what the losses get of a batch."""
