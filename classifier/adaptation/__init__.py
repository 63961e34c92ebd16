"""Fits a shipped network to a laboratory by its own labelled images, and says whether it helped."""
