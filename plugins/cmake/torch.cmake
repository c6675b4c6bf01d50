# The operators of PyTorch, built against its stable interface: any later release loads the library.

if(NOT TORCH_ROOT)
  execute_process(
    COMMAND ${Python3_EXECUTABLE} -c
      "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
    OUTPUT_VARIABLE TORCH_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT EXISTS "${TORCH_ROOT}/include/torch/csrc/stable/library.h")
  set(reason "its package, 2.10 or newer, is not installed; after 'pip install torch', build them "
    "with 'python setup.py build_native --inplace'")
  if(REFINEMASK_TORCH STREQUAL "AUTO")
    message(STATUS "left out the operators for PyTorch: " ${reason})
    return()
  endif()
  message(FATAL_ERROR "left out the operators for PyTorch: " ${reason})
endif()

file(GLOB TORCH_SOURCES CONFIGURE_DEPENDS torch/*.cpp)
file(GLOB TORCH_CUDA_SOURCES CONFIGURE_DEPENDS torch/cuda/*.cpp)
add_plugin_library(refinemask_torch SHARED_CXX ${TORCH_SOURCES})
target_include_directories(refinemask_torch SYSTEM PRIVATE ${TORCH_ROOT}/include)
# The process that loads the library has PyTorch loaded.
target_link_libraries(refinemask_torch
  PRIVATE refinemask_cpu ${TORCH_ROOT}/lib/libtorch_cpu.so)
set_target_properties(refinemask_torch PROPERTIES SKIP_BUILD_RPATH ON)
if(TARGET refinemask_kernels AND NOT REFINEMASK_SANITIZE) # which say nothing of devices
  target_sources(refinemask_torch PRIVATE ${TORCH_CUDA_SOURCES})
  target_compile_definitions(refinemask_torch PRIVATE REFINEMASK_WITH_CUDA)
  target_include_directories(refinemask_torch SYSTEM PRIVATE ${CUDA_HEADERS})
  target_link_libraries(refinemask_torch PRIVATE ${CMAKE_DL_LIBS})
  link_cuda_kernels(refinemask_torch refinemask_kernels)
endif()
