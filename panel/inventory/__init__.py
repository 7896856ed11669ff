"""The database's picture of nodes, containers and images: a projection that can be rebuilt."""
