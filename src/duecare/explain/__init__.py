"""Why a model said this: words that mattered, what layers know, where a gap arises, and whether it is so."""
