"""What Google's sources share: credentials, batches, directory, error codes. Not a source."""
