"""The native libraries of refinemask that have CUDA kernels, in `lib`; refinemask finds them here."""
