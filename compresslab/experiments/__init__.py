"""Experiments on trained networks: does the theory hold for them, how far off is it?

==============  ======================================================================================
``joint``       the elasticity theorem, free of sampling noise: networks trained on the exact mixture
``effective``   effective volumes: known mixtures recovered, and what late examples count for
``resistance``  three checkpoints of one fine-tuning: is training back easier than training forward?
``rebound``     positive data, then negative data: how fast a model falls back
``scaling``     the rebound against the size of a model and against its pre-training
``presets``     the specs that ``--preset`` names
``networks``    byte-level networks over all leaves of a prefix tree: a GRU and a causal transformer
``texts``       pre-training, positive and negative texts, dealt out
``base_models`` small Llamas over bytes, pre-trained on the spot
``finetuning``  training on texts, stopped on the way to be measured
``measures``    code lengths, KL to the base, samples; ``style`` judges them
``phases``      one rate or two, and where a curve crosses a level
``slopes``      rates of change with confidence intervals, beside those of the theory
``rows``        results on disk: append-only, checksummed, resumed
==============  ======================================================================================

Importing these loads no torch; running an experiment does.
"""
