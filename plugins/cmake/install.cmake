# What `cmake --install` puts into a prefix, and the packages that others find there. The components
# of find_package(refinemask) are runtime, ort_ops and trt_plugins: those that were built.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/refinemask)
set(COMPONENTS "")

# Install a library as the component refinemask::<component>.
function(install_component component target)
  if(NOT TARGET ${target})
    return()
  endif()
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${component})
  install(TARGETS ${target} EXPORT refinemask_${component} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT refinemask_${component} NAMESPACE refinemask:: DESTINATION ${PACKAGE_DIR}
    FILE refinemask-${component}.cmake)
  set(COMPONENTS ${COMPONENTS} ${component} PARENT_SCOPE)
endfunction()

if(TARGET refinemask_runtime)
  target_include_directories(refinemask INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  install_component(runtime refinemask)
  install(DIRECTORY include/refinemask DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
endif()
install_component(ort_ops refinemask_ort)
install_component(trt_plugins refinemask_trt)
if(TARGET refinemask_openvino)
  install(TARGETS refinemask_openvino LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()

configure_package_config_file(cmake/refinemask-config.cmake.in refinemask-config.cmake
  INSTALL_DESTINATION ${PACKAGE_DIR} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(refinemask-config-version.cmake
  VERSION ${REFINEMASK_VERSION} COMPATIBILITY SameMajorVersion)
configure_file(cmake/refinemask.pc.in refinemask.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/refinemask-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/refinemask-config-version.cmake DESTINATION ${PACKAGE_DIR})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/refinemask.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
