"""Everything around the network that runs without torch: images, masks, metadata, results."""
