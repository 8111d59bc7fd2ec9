"""The models of requests and answers: one for each thing, wherever it appears.

In requests unknown fields are refused, so that no misspelt option is ignored silently. In answers fields may be added
over time, but are never renamed or removed. Times are UTC epoch milliseconds.
"""
