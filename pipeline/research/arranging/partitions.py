"""Who is trained on and who tested, where the authors of a data set (or OpenGait, for all) gave a rule on the names.

Facts: OpenGait's datasets/*/*.json. Gait3D, FreeGait and Scoliosis1K were drawn by lot and need their files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

Rule = Callable[[str], bool | None]
"""A name → whether it is trained on; None: neither that nor tested."""


def _up_to(trained: int, tested: int, first: int = 1, without: range = range(0)) -> Rule:
    def rule(name: str) -> bool | None:
        number = int(name) if name.isascii() and name.isdigit() else -1
        return number <= trained if first <= number <= tested and number not in without else None

    return rule


def _either(name: str, trained: bool) -> bool | None:
    return trained if name.isascii() and name.isdigit() else None


_SUSTECH1K = """
0000 0002 0005 0018 0021 0026 0033 0039 0040 0044 0046 0047 0050 0052 0060 0062 0066 0073 0075 0078 0080 0092 0093 0096
0097 0102 0103 0116 0118 0126 0128 0144 0149 0151 0153 0154 0156 0157 0158 0164 0165 0168 0169 0174 0180 0183 0193 0194
0196 0199 0201 0203 0204 0208 0212 0220 0226 0227 0231 0232 0243 0253 0257 0267 0268 0282 0284 0287 0289 0291 0293 0295
0297 0301 0306 0311 0315 0318 0320 0321 0323 0325 0327 0341 0347 0351 0356 0357 0360 0367 0372 0379 0380 0395 0402 0412
0421 0425 0434 0438 0440 0441 0444 0452 0457 0458 0464 0468 0473 0474 0478 0488 0493 0495 0496 0497 0502 0514 0522 0521
0525 0533 0535 0537 0540 0544 0545 0546 0547 0551 0552 0553 0555 0557 0559 0577 0581 0583 0584 0585 0591 0597 0600 0605
0610 0611 0612 0616 0631 0632 0634 0636 0637 0641 0649 0653 0655 0664 0665 0671 0675 0677 0687 0695 0701 0702 0707 0717
0720 0721 0723 0726 0731 0756 0757 0759 0760 0767 0770 0773 0779 0780 0783 0791 0792 0796 0805 0810 0811 0823 0828 0830
0839 0841 0844 0845 0846 0850 0853 0860 0862 0863 0865 0868 0869 0876 0883 0884 0888 0897 0904 0906 0907 0908 0918 0922
0923 0925 0933 0938 0942 0943 0944 0948 0951 0959 0965 0966 0969 0970 0973 0978 0979 0982 0996 0997 1002 1004 1011 1013
1015 1019 1024 1026 1027 1036 1038 1046 1056 1057
"""

RULES: Mapping[str, Rule] = {
    "casia-b": _up_to(74, 124),
    "casia-e": _up_to(200, 1014),
    "ccgr": _up_to(600, 1000, without=range(135, 164)),
    "ccgr-mini": _up_to(600, 1000),
    "ccpg": _up_to(99, 199, first=0),
    "gaitlu-1m": lambda name: True,
    "grew": lambda name: name.endswith("train"),
    "hid": lambda name: name != "probe" and _up_to(499, 1004, first=0)(name),
    "oumvlp": lambda name: _either(name, name[-1] in "13579"),
    "sustech1k": lambda name: _either(name, name in _SUSTECH1K.split()),
}


def rule_of(dataset: str) -> Rule | None:
    """The rule for a data set by its name ("CASIA-B", "GREW", also "CASIA-B*"), or None."""
    names = sorted((name for name in RULES if dataset.lower().startswith(name)), key=len)
    return RULES[names[-1]] if names else None
