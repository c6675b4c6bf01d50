"""RefineMask against Mask R-CNN and every other choice that a user has, on named images."""
