"""REST under /api/v1/: parse, permit, submit, reply. One file per resource."""
