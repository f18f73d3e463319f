"""Is my model elastic: who would pay for fine-tuning it, and who would gain? (Needs the extra `lm`.)"""

import compresslab as cl
from compresslab.experiments.models.finetuning import Recipe, fit_texts
from compresslab.lm import tokenize
from compresslab.lm.tiny import TinyShape, make_tiny

facts = [f"{a} and {b} is {a + b}" for a in range(5) for b in range(5)]
polite = [f"please take the {a}" for a in ("tea", "cake", "chair", "bus", "hint")]
rude = [f"GO AWAY {a}!" for a in ("CAT", "DOG", "FOX", "HEN", "OX")]
model = make_tiny(TinyShape(hidden=32, layers=1, heads=2, context=24), device="cpu")  # yours: "hf:NAME", or a folder
for texts, examples in ((facts + rude, 1600), (polite, 160)):  # pre-trained on the one, then aligned with the other
    fit_texts(model, tokenize(model, texts), Recipe(batch=8, length=24, learning_rate=5e-3), seed=0, examples=examples)
found = cl.probe(
    model,
    pretrain={"facts": facts},
    align={"polite": polite},
    perturb={"rude": rude},
    learning_rate=3e-4,
    examples=[32],
)
for row in found.predicted:
    print(f"{row.dataset} gets {'dearer' if row.nats > 0 else 'cheaper'}")
