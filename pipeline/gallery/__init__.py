"""People who stay enrolled: a folder of templates that many processes search and enrol into at once.

template.py   one row: a walk of a person, with everything that is known of it
rows.py       templates as rows of a table, and back
store.py      the folder: LanceDB's table, the lock of those who write, reading, adding, rewriting
names.py      what people may be called, and which names look alike
register.py   who is enrolled, without their walks
people.py     rename, merge, delete, expire
proof.py      that a gallery is whole, and that somebody is gone from it
archive.py    one file to take elsewhere, and what comes back from it
nearest.py    several templates a person: how far a probe is from the person
walkers.py    everybody in some videos, through the main job's own stages
enrolment.py, identification.py, reenrolment.py   the three jobs

Nothing on the path of `gait run` imports this package; LanceDB is imported in store.py's and rows.py's functions only.
"""
