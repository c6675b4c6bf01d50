# The CUDA kernels, as the object library refinemask_cuda. The CUDA driver is not linked, and the
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

file(GLOB CUDA_SOURCES CONFIGURE_DEPENDS cuda/*.cu)
add_library(refinemask_cuda OBJECT ${CUDA_SOURCES})
target_link_libraries(refinemask_cuda PRIVATE refinemask_options)
# What ptxas says of registers and spills is kept beside each object.
set(RESOURCES_SCRIPT ${CMAKE_CURRENT_SOURCE_DIR}/cmake/ptxas_report.py)
set_target_properties(refinemask_cuda PROPERTIES
  CUDA_COMPILER_LAUNCHER ${RESOURCES_SCRIPT}) # not by one Python's path: that would recompile

# Put the kernels into the library `name`, and what ptxas said of them into cuda_resources.txt.
function(link_cuda_kernels name)
  target_link_libraries(${name} PRIVATE refinemask_cuda)
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CUDA)
  add_custom_command(TARGET ${name} POST_BUILD
    COMMAND ${Python3_EXECUTABLE} ${RESOURCES_SCRIPT} --join ${CMAKE_BINARY_DIR}/cuda_resources.txt
      $<TARGET_OBJECTS:refinemask_cuda>
    COMMAND_EXPAND_LISTS VERBATIM)
endfunction()
