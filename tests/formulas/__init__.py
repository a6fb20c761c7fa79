"""Each layer beyond the paper's own as a slow loop that shares no code with it.

A formula takes a map (channels, positions), its positions in the order of `sites(size)`, the layer's
parameters by name, and the size.
"""
