"""Experiments on trained networks: does the theory hold for them, how far off is it?

==============  ======================================================================================
``joint``       the elasticity theorem, free of sampling noise: networks trained on the exact mixture
``effective``   effective volumes: known mixtures recovered, and what late examples count for
``presets``     the specs that ``--preset`` names
``networks``    byte-level networks over all leaves of a prefix tree: a GRU and a causal transformer
``slopes``      rates of change with confidence intervals, beside those of the theory
``rows``        results on disk: append-only, checksummed, resumed
==============  ======================================================================================

Importing these loads no torch; running an experiment does.
"""
