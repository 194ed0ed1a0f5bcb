"""What Google's services have in common, for the sandboxes of single ones.

Service accounts and tokens (:mod:`sandbox.google.oauth`), the error form
(:mod:`sandbox.google.errors`), parameters, partial responses, page tokens and batches, and the user
directory of a Google Workspace (:mod:`sandbox.google.organization`).
"""
