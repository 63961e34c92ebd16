"""The same network behind other servers, each as its own documentation writes it."""
