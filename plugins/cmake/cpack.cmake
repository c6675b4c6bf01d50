# `cpack` after a build makes refinemask_<version>_<architecture>.deb, for /usr, and a tarball of a
# prefix that may lie anywhere, of what `cmake --install` would install.

set(CPACK_PACKAGE_NAME refinemask)
set(CPACK_PACKAGE_VERSION ${REFINEMASK_VERSION})
set(CPACK_PACKAGE_VENDOR "RefineMask Deploy")
set(CPACK_PACKAGE_CONTACT "RefineMask Deploy")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Instance segmentation with exported RefineMask and Mask R-CNN models")
set(CPACK_RESOURCE_FILE_LICENSE ${REPOSITORY}/LICENSE)
set(CPACK_PACKAGE_FILE_NAME refinemask-${REFINEMASK_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_GENERATOR DEB TGZ)
set(CPACK_STRIP_FILES ON)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION libs)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64") # else that of the machine which builds
  set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE arm64)
endif()
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_SOURCE_DIR}/cmake/debian/triggers)
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_CURRENT_BINARY_DIR}/cpack_project.cmake)
configure_file(cmake/cpack_project.cmake.in cpack_project.cmake @ONLY)
include(CPack)
