# The TensorRT plugin libraries. TensorRT is not linked: the process that loads a library has it.
# TRT_HEADERS is set for the tests of the plugins where the libraries can be built.

find_headers(TRT_HEADERS tensorrt NvInfer.h ${REFINEMASK_CUDA})
if(NOT TRT_HEADERS)
  return()
endif()

file(GLOB TRT_SOURCES CONFIGURE_DEPENDS tensorrt/*.cpp)
file(GLOB TRT_AUTO_SOURCES CONFIGURE_DEPENDS tensorrt/auto/*.cpp)
list(REMOVE_ITEM TRT_SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/tensorrt/library.cpp)
add_library(refinemask_trt_plugins OBJECT ${TRT_SOURCES})

add_plugin_library(refinemask_trt tensorrt/library.cpp)
# For hosts that only call dlopen; apart, since a registry refuses a library with known plugins.
add_plugin_library(refinemask_trt_auto ${TRT_AUTO_SOURCES})
target_link_options(refinemask_trt_auto PRIVATE -Wl,-z,nodelete) # the registry keeps its creators
target_link_libraries(refinemask_trt_auto PRIVATE ${CMAKE_DL_LIBS})

foreach(name refinemask_trt_plugins refinemask_trt refinemask_trt_auto)
  target_link_libraries(${name} PRIVATE refinemask_options)
  target_include_directories(${name} SYSTEM PRIVATE ${TRT_HEADERS} ${CUDA_HEADERS})
endforeach()
foreach(name refinemask_trt refinemask_trt_auto)
  target_link_libraries(${name} PRIVATE refinemask_trt_plugins)
  link_cuda_kernels(${name} refinemask_kernels)
endforeach()
