"""Why a name of Keras is not here, for the errors that say so and for docs/keras.md."""

from __future__ import annotations

import re

# Modules (a pattern), names (a pattern), why not and what to take instead.
_RULES = (
    (
        r".*",
        r".*3D(Transpose)?|.*3d|.*_volumes|spatial_3d_padding",
        "three-dimensional images are not computed here",
    ),
    (
        "layers",
        "TFSMLayer|JaxLayer|FlaxLayer|TorchModuleWrapper",
        "it runs a model of another framework",
    ),
    ("layers", "MaxNumBoundingBoxes", "bounding boxes are not handled"),
    ("optimizers", "MultiOptimizer|OptimizerMap", "a model has one optimizer"),
    ("callbacks", "OrbaxCheckpoint", "it writes another library's files; use ModelCheckpoint"),
    (
        "callbacks",
        "RemoteMonitor",
        "it sends figures over a network; use CSVLogger or LambdaCallback",
    ),
    (
        "initializers",
        "(?i)stft(initializer)?",
        "spectrograms are not computed here; use Constant(array)",
    ),
    (
        "ops",
        "i?r?fft2?|i?stft|eig|polar|view_as_(complex|real)",
        "complex numbers are not computed; use numpy outside of the model",
    ),
    ("ops", "jvp", "gradients go backwards; use GradientTape"),
    ("ops", "lu_factor", "use ops.solve or ops.qr"),
    ("config", ".*flash_attention.*", "there is one attention"),
    ("config", ".*nnx.*|set_backend", "there is one backend"),
    ("config", ".*traceback_filtering.*", "tracebacks are not filtered"),
    ("config", ".*interactive_logging.*", "use verbose="),
    ("config", ".*unsafe_deserialization", "files name no code; use custom_objects="),
    ("config", "(set_)?max_(epochs|steps_per_epoch)", "use epochs= and steps_per_epoch="),
    ("backend|config", "set_epsilon", "it is 1e-7; losses take label_smoothing"),
    ("backend", "get_uid", "a model numbers its own layers"),
    ("backend", "gradients", "use GradientTape"),
    ("saving", "KerasFileEditor", "files are hotloop's own"),
    ("utils", "FeatureSpace", "use the preprocessing layers"),
    ("utils", "audio_dataset_from_directory", "sound is not read; use numpy arrays"),
    ("utils", "bounding_boxes", "bounding boxes are not handled"),
    ("utils", "Config", "use a dict"),
    (
        "(hotloop)?",
        "distribution|device|remat|RematScope",
        "one machine computes, on its processor",
    ),
    ("(hotloop)?", "applications", "pretrained networks are not shipped; zoo has small ones"),
    ("(hotloop)?", "quantizers|Quantizer", "weights are float32 or float64"),
    ("(hotloop)?", "distillation", "write a train_step"),
    ("(hotloop)?", "export", "use model.save"),
    ("(hotloop)?", "wrappers", "use hotloop.estimators"),
)


def reason(module: str, name: str) -> str | None:
    """Return why a module has no `name`, or None where nothing is known.

    Examples
    --------
    >>> reason("hotloop.layers", "Conv3D")
    'three-dimensional images are not computed here'
    >>> reason("hotloop.layers", "Conv2D")
    """
    place = module.removeprefix("hotloop.")
    for modules, names, why in _RULES:
        if re.fullmatch(modules, place) and re.fullmatch(names, name):
            return why
    return None
