"""Models as data: models.toml becomes specs, prices become quotes and costs."""
