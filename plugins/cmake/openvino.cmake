# The extension library of OpenVINO, built against the package of OpenVINO that it will run with.

if(NOT OpenVINO_DIR)
  execute_process(
    COMMAND ${Python3_EXECUTABLE} -c
      "import importlib.util as u; print(u.find_spec('openvino').submodule_search_locations[0])"
    OUTPUT_VARIABLE OPENVINO_PACKAGE OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(OPENVINO_PACKAGE)
    set(OpenVINO_DIR ${OPENVINO_PACKAGE}/cmake)
  endif()
endif()
find_package(OpenVINO QUIET COMPONENTS Runtime ONNX Threading)
if(NOT OpenVINO_FOUND AND REFINEMASK_OPENVINO STREQUAL "AUTO")
  message(STATUS "left out the operators for OpenVINO: its package is not installed; after "
    "'pip install openvino', build them with 'python setup.py build_native --inplace'")
  return()
elseif(NOT OpenVINO_FOUND)
  message(FATAL_ERROR "OpenVINO was not found; install it, or set OpenVINO_DIR to its cmake folder")
endif()

file(GLOB OPENVINO_SOURCES CONFIGURE_DEPENDS openvino/*.cpp)
add_plugin_library(refinemask_openvino SHARED_CXX ${OPENVINO_SOURCES})
# The process that loads the library has OpenVINO loaded: only the version it was built for fits.
set_target_properties(refinemask_openvino PROPERTIES SKIP_BUILD_RPATH ON)
target_link_libraries(refinemask_openvino
  PRIVATE refinemask_cpu openvino::runtime openvino::frontend::onnx openvino::threading)
