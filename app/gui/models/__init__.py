"""The Models page: what is here, what the hubs have, and what is on its way."""
