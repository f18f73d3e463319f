"""What does new data undo of an alignment, and what comes back of pre-training? (Needs the extra `lm`.)"""

import copy

import compresslab as cl
from compresslab.audit.result import verdict_of
from compresslab.experiments.models.finetuning import Recipe, fit_texts
from compresslab.lm import tokenize
from compresslab.lm.tiny import TinyShape, make_tiny

facts = [f"{a} and {b} is {a + b}" for a in range(5) for b in range(5)]
polite = [f"please take the {a}" for a in ("tea", "cake", "chair", "bus", "hint", "pen", "cup", "hat")]
rude = [f"GO AWAY {a}!" for a in ("CAT", "DOG", "FOX", "HEN", "OX")]
base = make_tiny(TinyShape(hidden=32, layers=1, heads=2, context=24), device="cpu")  # yours: "hf:NAME", or a folder
fit_texts(base, tokenize(base, facts + rude), Recipe(batch=8, length=24, learning_rate=5e-3), seed=0, examples=1600)
aligned = copy.deepcopy(base)
fit_texts(aligned, tokenize(aligned, polite), Recipe(batch=8, length=24, learning_rate=5e-3), seed=0, examples=160)
found = cl.audit(
    base,
    aligned,
    pretrain={"facts": facts},
    align={"polite": polite},
    perturb={"rude": rude},
    learning_rate=2.5e-4,
    examples=[64],
)
for what in ("undone", "returned"):
    print(f"{what}, net of control: {verdict_of(found.share(what).net_of_control)}")
