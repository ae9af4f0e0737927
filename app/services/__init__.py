"""What is done: services that the faces call, and the facts they publish."""
