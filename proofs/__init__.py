"""Every theorem behind compresslab: proved, refuted, or said to be open.

``python -m proofs`` in a checkout, or ``compresslab prove`` with the extra ``proofs``, checks every claim and prints
the ledger. A claim is data (:mod:`.facts`); a small kernel (:mod:`.kernel`) recomputes every step of its proof,
exactly, and gives the verdict. The claims are in ``theorems/``, one file per family.
"""
