"""The models of what comes in and goes out, one for each thing, wherever it is shown.

Coming in, a field that is not known is refused, so that no misspelt option is passed over in silence. Going out, fields
are added over time, and never renamed or taken away. Times are UTC epoch milliseconds.
"""
