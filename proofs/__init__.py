"""Every theorem behind compresslab: proved, refuted, or said to be open.

``python -m proofs`` in a checkout, or ``compresslab prove`` with the extra ``proofs``, checks every claim and prints
the ledger. A claim is data (:mod:`.facts`), and every step of its proof is recomputed, exactly. What is finite, Coq
decides (``coq/``); its steps here are a derivation for the reader (:mod:`.derivation`). What Coq does not decide, a
small kernel does (:mod:`.kernel`). The claims are in ``theorems/``, one file per family.
"""
