"""The job queue: what is to be done, handed out to workers, each job until it is done."""
