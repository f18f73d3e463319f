"""Token trees of corpora larger than memory: read in pieces, counted in shards, merged on disk or on a cluster."""
