# librefinemask.so: the C interface for programs (include/refinemask/), and the C functions that the
# Python package calls. Where headers are missing, only the latter are in it.

file(GLOB RUNTIME_SOURCES CONFIGURE_DEPENDS runtime/*.cpp)
set(PYTHON_SOURCES ${RUNTIME_SOURCES})
list(FILTER PYTHON_SOURCES INCLUDE REGEX "/(c_api|threads)\\.cpp$")
list(REMOVE_ITEM RUNTIME_SOURCES ${PYTHON_SOURCES})
list(FILTER RUNTIME_SOURCES EXCLUDE REGEX "/(onnxruntime|openvino)_backend\\.cpp$")

add_plugin_library(refinemask ${PYTHON_SOURCES} ${IMAGE_SOURCES})
target_link_libraries(refinemask PRIVATE refinemask_cpu)
# Its code stays where it is: a thread of runtime/threads.h may end a little after the call.
target_link_options(refinemask PRIVATE -Wl,-z,nodelete)
if(REFINEMASK_RUNTIME)
  find_headers(JSON_HEADERS nlohmann_json nlohmann/json.hpp ${REFINEMASK_RUNTIME})
endif()
if(NOT JSON_HEADERS)
  return()
endif()

# No runtime is linked: the library opens the one that is asked for.
add_library(refinemask_runtime OBJECT ${RUNTIME_SOURCES})
target_link_libraries(refinemask_runtime PRIVATE refinemask_options PUBLIC ${CMAKE_DL_LIBS})
target_include_directories(refinemask_runtime PUBLIC include)
target_include_directories(refinemask_runtime SYSTEM PRIVATE ${JSON_HEADERS})
target_link_libraries(refinemask PRIVATE refinemask_runtime)
if(ORT_HEADERS)
  target_sources(refinemask_runtime PRIVATE runtime/onnxruntime_backend.cpp)
  target_include_directories(refinemask_runtime SYSTEM PRIVATE ${ORT_HEADERS})
  target_compile_definitions(refinemask_runtime PRIVATE REFINEMASK_WITH_ONNXRUNTIME)
endif()
if(OpenVINO_FOUND)
  get_target_property(OPENVINO_HEADERS openvino::runtime INTERFACE_INCLUDE_DIRECTORIES)
  target_sources(refinemask_runtime PRIVATE runtime/openvino_backend.cpp)
  target_include_directories(refinemask_runtime SYSTEM PRIVATE ${OPENVINO_HEADERS})
  target_compile_definitions(refinemask_runtime
    PRIVATE REFINEMASK_OPENVINO_VERSION="${OpenVINO_VERSION}")
endif()
