"""Gmail: the mails of a Workspace's people, or of one mailbox, by the API or from an mbox file."""
