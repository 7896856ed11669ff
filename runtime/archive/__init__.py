"""Tar archives, read as hostile input and unpacked so that no name can lead out of the target.

Nothing here knows images; `images` says which archive is a layer and where it goes. Names are
bytes throughout: a tar has no encoding.
"""
