"""The paper's mathematics: code lengths, rates, mixtures, elasticity."""
