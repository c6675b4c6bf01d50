# What `cmake --install` puts into a prefix, and the packages that others find there. The components
# of find_package(refinemask) are runtime, ort_ops and trt_plugins: those that were built.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/refinemask)
set(COMPONENTS "")
set(PACKAGED_LIBRARIES "") # their files

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
  set(PACKAGED_LIBRARIES ${PACKAGED_LIBRARIES} ${REFINEMASK_OUTPUT_DIR}/lib${target}.so PARENT_SCOPE)
endfunction()

if(TARGET refinemask_runtime)
  target_include_directories(refinemask INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  install_component(runtime refinemask)
  install(DIRECTORY include/refinemask DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
endif()
install_component(ort_ops refinemask_ort)
install_component(trt_plugins refinemask_trt)
# Opened by a runtime or a tool, and never linked.
foreach(name refinemask_cuda refinemask_openvino refinemask_ort_cuda refinemask_trt_auto refinemask_deepstream)
  if(TARGET ${name})
    install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
    list(APPEND PACKAGED_LIBRARIES ${REFINEMASK_OUTPUT_DIR}/lib${name}.so)
  endif()
endforeach()
install(FILES ${REPOSITORY}/LICENSE
  DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/refinemask RENAME copyright)
install(FILES NOTICE DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/refinemask)

configure_package_config_file(cmake/refinemask-config.cmake.in refinemask-config.cmake
  INSTALL_DESTINATION ${PACKAGE_DIR} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(refinemask-config-version.cmake
  VERSION ${REFINEMASK_VERSION} COMPATIBILITY SameMajorVersion)
configure_file(cmake/refinemask.pc.in refinemask.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/refinemask-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/refinemask-config-version.cmake DESTINATION ${PACKAGE_DIR})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/refinemask.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
