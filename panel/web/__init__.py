"""The panel as HTML, one file per page family. Parse, permit, submit, show; nothing else."""
