"""How a model arrives: ranges fetched in parallel, each block kept as it comes, the whole verified before it gets its name."""
