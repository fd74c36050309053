"""The verifier for outsiders: Python's standard library alone, joined into one file by `ledger.bundle`.

Written apart from the rest of `ledger` on purpose: what two programs find is worth more than what one finds
twice. Its modules share one name space once they are joined, so no name is used in two of them.
"""
