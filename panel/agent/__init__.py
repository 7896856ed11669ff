"""The node agent: streams, uploads, the relay of engine events, the reconciler. Runs as root."""
