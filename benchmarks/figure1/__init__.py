"""Figure 1 of RefineMask: pixel accuracy at outlines and elsewhere."""
