"""Images with instance masks: datasets, augmentation, batches and training targets."""
