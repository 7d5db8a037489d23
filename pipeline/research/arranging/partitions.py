"""Who is trained on and who tested: a rule on the names, or a list where people were drawn by lot.

Facts: OpenGait's datasets/*/*.json. FreeGait's people and walks, and CCGR-MINI's gallery, are long lists: their files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files

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

_SCOLIOSIS1K = """
8-10 15-16 23 29 37 47 76 89 112 124 132 138 168 177 196 249 259 285 295 311 325 330 332-333 361 370 373 375 403 441 449
451 455 458 464 477-478 482 493-494 496-525 527-531 533-548 551-555 557-562 564-567 569 571-572 575-576 578 580-585
587-592 594-598 600-603 606-613 615-618 620-631 633 635 637 639-642 644 646-662 664-669 671-678 680-696 699-702 704-707
709-725 727 729-737 739-744 746-758 760-765 767-771 773-776 778-779 781-783 786-803 806-810 812-821 824-829 831-838 840
842-847 849-850 853-854 856-860 862-866 868 870-880 882-885 887 889-898 900-909 911-915 917-921 924-925 927 929 931-957
961-967 969-973 975-979 982-986 988-990 994-1001 1003-1010 1013-1014 1016-1022 1025 1027-1028 1031-1032 1034-1036
1038-1045 1048-1052 1054-1059 1061-1064 1066-1069 1072 1074 1076-1078 1080-1084 1087-1088 1090-1096 1098-1099 1102-1107
1109-1114 1116 1119-1120 1122-1126 1129-1131 1133-1137 1139-1143 1145-1150 1152-1155 1157-1161 1163 1165-1173 1175-1177
1179-1186 1188-1193 1195-1196 1199-1210 1212-1216 1218-1222 1224 1226-1236 1238-1240 1243-1272 1275-1292 1308 1314 1324
1332 1335 1341 1343 1349 1357-1358 1363 1365 1367-1368 1370 1372-1376 1378 1384 1387 1398-1399 1419 1423 1432-1433 1435
1437 1440 1447 1449 1468 1483-1484 1486 1489 1491-1492
"""  # of 1493: all who are trained on (its file 1116)


@cache
def _numbers(ranges: str) -> frozenset[int]:
    """1-3 7: 1, 2, 3 and 7."""
    ends = [[int(end) for end in some.split("-")] for some in ranges.split()]
    return frozenset(number for some in ends for number in range(some[0], some[-1] + 1))


def _drawn(name: str, count: int, is_trained: Callable[[int], bool]) -> bool | None:
    """Of `count` people, numbered from 0."""
    number = int(name) if name.isascii() and name.isdigit() else count
    return is_trained(number) if number < count else None


@cache
def _gait3d_probes() -> Mapping[int, str]:
    """Each of the thousand who are tested, and the name of their probe: 0023-28-2-1 stands for sequence 1."""
    listed = files(__package__).joinpath("gait3d_probes.txt").read_text("ascii").split()
    walks = [[*one.split("-"), "0"][:4] for one in listed]
    return {int(who): f"{who}-camid{camera}_videoid{video}-seq{take}" for who, camera, video, take in walks}


RULES: Mapping[str, Rule] = {
    "casia-b": _up_to(74, 124),
    "casia-e": _up_to(200, 1014),
    "ccgr": _up_to(600, 1000, without=range(135, 164)),
    "ccgr-mini": _up_to(600, 1000, without=range(135, 164)),
    "ccpg": _up_to(99, 199, first=0),
    "gait3d": lambda name: _drawn(name, 4000, lambda number: number not in _gait3d_probes()),
    "gaitlu-1m": lambda name: True,
    "grew": lambda name: name.endswith("train"),
    "hid": lambda name: name != "probe" and _up_to(499, 1004, first=0)(name),
    "oumvlp": lambda name: _either(name, name[-1] in "13579"),
    "scoliosis1k": lambda name: _drawn(name, 1493, _numbers(_SCOLIOSIS1K).__contains__),
    "sustech1k": lambda name: _either(name, name in _SUSTECH1K.split()),
}


def rule_of(dataset: str) -> Rule | None:
    """The rule for a data set by its name ("CASIA-B", "GREW", also "CASIA-B*"), or None."""
    names = sorted((name for name in RULES if dataset.lower().startswith(name)), key=len)
    return RULES[names[-1]] if names else None


def probes_of(dataset: str) -> tuple[str, ...]:
    """The names (identity-type-view) of the probes, where the data set lists them and they are here: Gait3D's."""
    return tuple(_gait3d_probes().values()) if dataset.lower().startswith("gait3d") else ()
