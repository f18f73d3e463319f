"""The kernel: the whole of what must be trusted where Coq does not decide, but for sympy.

It decides equalities between limits, integrals and means, without premises. Nothing in this folder imports anything
outside it but sympy; ``tests/proofs/test_kernel.py`` holds that, and how many lines it has.
"""
