"""The native libraries of refinemask that have CUDA kernels, in the folder `lib`."""
