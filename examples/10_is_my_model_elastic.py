"""Is my model elastic: who would pay for fine-tuning it, and who would gain? (Needs the extra `lm`.)"""

import compresslab as cl
from compresslab.lm import Training, tokenize, train
from compresslab.lm.tiny import TinyShape, make_tiny

facts = [f"{a} + {b} = {a + b}" for a in range(9) for b in range(9)]
polite = [f"please, {a} it is" for a in range(9)]
rude = [f"{a}! {a}! {a}!" for a in range(9)]
model = make_tiny(TinyShape(hidden=32, layers=1, heads=2, context=24), device="cpu")  # yours: "hf:NAME", or a folder
for texts, steps in ((facts + rude, 200), (polite, 20)):  # pre-trained on the one, then aligned with the other
    train(model, tokenize(model, texts), Training(steps=steps, length=24, learning_rate=3e-3))
found = cl.probe(
    model, pretrain={"facts": facts}, align={"polite": polite}, perturb={"rude": rude}, learning_rate=3e-4, examples=[8]
)
for change in found.predicted:
    print(f"{change.dataset} gets {'dearer' if change.nats > 0 else 'cheaper'}")
