# The CUDA kernels: those of the operators as the object library refinemask_kernels, and those for
# images in librefinemask_cuda.so, which needs no runtime that has operators. The CUDA driver is not linked, and the
# CUDA runtime is inside the library that takes the kernels. CUDA_HEADERS is set for those who
# include their launch headers.

list(TRANSFORM REFINEMASK_CUDA_ARCHITECTURES APPEND "-real" OUTPUT_VARIABLE CMAKE_CUDA_ARCHITECTURES)
list(GET REFINEMASK_CUDA_ARCHITECTURES -1 NEWEST_ARCHITECTURE)
list(APPEND CMAKE_CUDA_ARCHITECTURES ${NEWEST_ARCHITECTURE}-virtual)
set(CMAKE_CUDA_RUNTIME_LIBRARY Static)

include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  set(reason "no CUDA compiler found; put nvcc on the PATH or name it in the variable CUDACXX")
  if(REFINEMASK_CUDA STREQUAL "AUTO")
    message(WARNING "left out what has CUDA kernels: ${reason}")
  else()
    message(FATAL_ERROR "${reason}")
  endif()
  return()
endif()
enable_language(CUDA)
set(CUDA_HEADERS ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})

# What ptxas says of registers and spills is kept beside each object.
set(RESOURCES_SCRIPT ${CMAKE_CURRENT_SOURCE_DIR}/cmake/ptxas_report.py)

function(add_kernels name)
  add_library(${name} OBJECT ${ARGN})
  target_link_libraries(${name} PRIVATE refinemask_options)
  set_target_properties(${name} PROPERTIES
    CUDA_COMPILER_LAUNCHER ${RESOURCES_SCRIPT}) # not by one Python's path: that would recompile
endfunction()

# Put kernels into the library `name`, and what ptxas said of them into <kernels>_resources.txt.
function(link_cuda_kernels name kernels)
  target_link_libraries(${name} PRIVATE ${kernels})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CUDA)
  add_custom_command(TARGET ${name} POST_BUILD
    COMMAND ${Python3_EXECUTABLE} ${RESOURCES_SCRIPT} --join ${CMAKE_BINARY_DIR}/${kernels}_resources.txt
      $<TARGET_OBJECTS:${kernels}>
    COMMAND_EXPAND_LISTS VERBATIM)
endfunction()

file(GLOB CUDA_SOURCES CONFIGURE_DEPENDS cuda/*.cu)
set(IMAGE_KERNELS ${CMAKE_CURRENT_SOURCE_DIR}/cuda/prepare_image.cu)
list(REMOVE_ITEM CUDA_SOURCES ${IMAGE_KERNELS})
add_kernels(refinemask_kernels ${CUDA_SOURCES})

add_kernels(refinemask_image_kernels ${IMAGE_KERNELS})
add_plugin_library(refinemask_cuda cuda/library.cpp)
target_include_directories(refinemask_cuda SYSTEM PRIVATE ${CUDA_HEADERS})
link_cuda_kernels(refinemask_cuda refinemask_image_kernels)
