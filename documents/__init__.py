"""What a document is here: ids, metadata, access and typed documents.

The leaf room of the house: every other package may import it, it imports none of them.
"""
