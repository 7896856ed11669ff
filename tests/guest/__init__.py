"""A machine with a pure cgroup v2 kernel, emulated, that runs tests of the kernel level.

`python -m tests.guest --junit-xml FILE PATH...` boots it, runs pytest on the paths in it and
brings the report back. The guest sees this machine's own files, and writes none of them.
"""
