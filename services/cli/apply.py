"""Making topics and index what their registries say."""
