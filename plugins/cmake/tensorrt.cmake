# The TensorRT plugin library. TensorRT is not linked: the process that loads the library has it.
# TRT_HEADERS is set for the tests of the plugins where the library can be built.

find_headers(TRT_HEADERS tensorrt NvInfer.h ${REFINEMASK_CUDA})
if(NOT TRT_HEADERS)
  return()
endif()

file(GLOB TRT_SOURCES CONFIGURE_DEPENDS tensorrt/*.cpp)
add_plugin_library(refinemask_trt ${TRT_SOURCES})
target_include_directories(refinemask_trt SYSTEM PRIVATE ${TRT_HEADERS} ${CUDA_HEADERS})
link_cuda_kernels(refinemask_trt)
