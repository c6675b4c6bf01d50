# The TensorRT plugin library. No TensorRT and no CUDA driver is linked: the process that loads the
# library has TensorRT, and the CUDA runtime is inside it. TRT_HEADERS and CUDA_HEADERS are set for
# the tests of the plugins where the library can be built.

list(TRANSFORM REFINEMASK_CUDA_ARCHITECTURES APPEND "-real" OUTPUT_VARIABLE CMAKE_CUDA_ARCHITECTURES)
list(GET REFINEMASK_CUDA_ARCHITECTURES -1 NEWEST_ARCHITECTURE)
list(APPEND CMAKE_CUDA_ARCHITECTURES ${NEWEST_ARCHITECTURE}-virtual)
set(CMAKE_CUDA_RUNTIME_LIBRARY Static)

include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  set(reason "no CUDA compiler found; put nvcc on the PATH or name it in the variable CUDACXX")
  if(REFINEMASK_CUDA STREQUAL "AUTO")
    message(WARNING "left out the TensorRT plugins: ${reason}")
  else()
    message(FATAL_ERROR "${reason}")
  endif()
  return()
endif()
enable_language(CUDA)

find_headers(TRT_HEADERS tensorrt NvInfer.h ${REFINEMASK_CUDA})
if(NOT TRT_HEADERS)
  return()
endif()

set(CUDA_HEADERS ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})

add_plugin_library(refinemask_trt ${TRT_SOURCES} ${CUDA_SOURCES})
target_include_directories(refinemask_trt SYSTEM PRIVATE ${TRT_HEADERS} ${CUDA_HEADERS})
# What ptxas says of registers and spills is kept beside each object, and all of it in one file.
set(RESOURCES_SCRIPT ${CMAKE_CURRENT_SOURCE_DIR}/cmake/ptxas_report.py)
set_target_properties(refinemask_trt PROPERTIES
  CUDA_COMPILER_LAUNCHER ${RESOURCES_SCRIPT}) # not by one Python's path: that would recompile
add_custom_command(TARGET refinemask_trt POST_BUILD
  COMMAND ${Python3_EXECUTABLE} ${RESOURCES_SCRIPT} --join ${CMAKE_BINARY_DIR}/cuda_resources.txt
    $<FILTER:$<TARGET_OBJECTS:refinemask_trt>,INCLUDE,\\.cu\\.o$>
  COMMAND_EXPAND_LISTS VERBATIM)
