"""This application beside the servers that people put a network behind, in one run."""
