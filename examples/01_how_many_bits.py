"""How many bits does a text take in a code made for its own token tree?

A deeper tree knows longer phrases, so that the text gets cheaper; but the tree gets larger, and its cost is not in the
code. What a code without the tree in hand can do is another question: see `compresslab compress`.
"""

import compresslab as cl

VERSE = """to be or not to be that is the question
whether tis nobler in the mind to suffer
the slings and arrows of outrageous fortune
or to take arms against a sea of troubles
and by opposing end them to die to sleep
no more and by a sleep to say we end""".splitlines()

data = cl.Dataset.from_texts(VERSE)
print(f"{data.num_bytes} bytes in {data.num_responses} responses, {data.num_symbols} symbols with EOS")
print()
print(" d  leaves  entropy  Huffman  ideal   bits per byte")
for depth in (1, 2, 3, 4, 6):
    tree = cl.TokenTree.build(data, depth)
    p = tree.leaves()
    entropy, huffman = cl.entropy_bits(p), cl.huffman_code_length_bits(p)
    ideal = int(cl.ideal_code_length_bits(data.lengths, depth, p).sum())
    total = tree.total * entropy
    assert entropy <= huffman < entropy + 1  # a real code is within one bit per phrase
    print(f"{depth:2}  {len(p):6}  {entropy:7.3f}  {huffman:7.3f}  {ideal:5}  {total / data.num_bytes:14.3f}")
print()
print("entropy and Huffman: bits per phrase; ideal: the paper's code length (Thm 3.4), bits for the whole text")
