"""Work spread over the processes of one machine, or over several machines, by Ray."""
