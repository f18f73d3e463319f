"""How many phrases of a known mixture does a trained network stand for?"""
