# Install rules and the package that find_package(burin) reads: burin::burin (the C++ API) and burin::rt (the C ABI that
# ahead-of-time artefacts link, with BURIN_STATIC also as burin::rt_static). Only the two include/ folders are a promise; nothing else goes.
include(CMakePackageConfigHelpers)
set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/burin")

set(exported)
foreach(target burin_rt burin_rt_static burin_graph burin)
  if(TARGET ${target} AND (BURIN_STATIC OR NOT target STREQUAL "burin_rt_static"))
    string(REGEX REPLACE "^burin_" "" name "${target}")
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
    list(APPEND exported ${target})
  endif()
endforeach()
foreach(target IN LISTS exported)
  set(namelink)
  if(target STREQUAL "burin")
    set(namelink NAMELINK_SKIP)  # a script of that name is installed below
  endif()
  install(TARGETS ${target} EXPORT burin
          LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" ${namelink} ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endforeach()
if(TARGET burin_compiler)  # opened at run time, linked by nobody
  install(TARGETS burin_compiler LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endif()
foreach(folder runtime frontend)
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/${folder}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
          FILES_MATCHING PATTERN "*.h")
endforeach()
install(DIRECTORY "${BURIN_GENERATED_DIR}/frontend/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.h")  # ops.h, from the catalogue

install(EXPORT burin NAMESPACE burin:: DESTINATION "${package_folder}" FILE burinTargets.cmake)
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/burinConfig.cmake.in" "${CMAKE_BINARY_DIR}/burinConfig.cmake"
                              INSTALL_DESTINATION "${package_folder}")
write_basic_package_version_file("${CMAKE_BINARY_DIR}/burinConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/burinConfig.cmake" "${CMAKE_BINARY_DIR}/burinConfigVersion.cmake"
        DESTINATION "${package_folder}")
# For builds without CMake: `-lburin` alone links (a linker script, as libc.so is one, since programs call burin_graph too), and
# `pkg-config --cflags --libs burin`, or `burin_rt` for C programs.
if(TARGET burin)
  file(WRITE "${CMAKE_BINARY_DIR}/install/libburin.so"
       "/* GNU ld script: libburin and the libraries whose symbols its headers name. */\n"
       "INPUT ( libburin.so.${PROJECT_VERSION_MAJOR} AS_NEEDED ( libburin_graph.so.${PROJECT_VERSION_MAJOR} "
       "libburin_rt.so.${PROJECT_VERSION_MAJOR} ) )\n")
  install(FILES "${CMAKE_BINARY_DIR}/install/libburin.so" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endif()
set(packages burin burin_rt)
if(BURIN_STATIC)
  list(APPEND packages burin_rt_static)
endif()
foreach(package IN LISTS packages)
  configure_file("${PROJECT_SOURCE_DIR}/cmake/${package}.pc.in" "${CMAKE_BINARY_DIR}/install/${package}.pc" @ONLY)
  install(FILES "${CMAKE_BINARY_DIR}/install/${package}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endforeach()

install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/README.md" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/docs/" DESTINATION "${CMAKE_INSTALL_DOCDIR}/docs" FILES_MATCHING PATTERN "*.md")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/examples/" DESTINATION "${CMAKE_INSTALL_DOCDIR}/examples")
