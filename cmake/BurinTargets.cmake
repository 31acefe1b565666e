# What our targets look like: language level, warnings, visibility, include roots, RPATH, sanitizers, ccache.
# Folders are globbed with CONFIGURE_DEPENDS, so adding a file edits no list; an empty folder gives an empty target.
#
#   burin_library(NAME SHARED|OBJECT|STATIC FOLDERS dir... [RECURSE] [EXCEPTIONS] [HIDDEN] [LINK lib...]
#                 [PRIVATE_LINK lib...] [SOURCES file...])
#   burin_mlir_library(...)   the same, as MLIR code: no exceptions, libMLIR's headers
#   burin_tool(NAME [MLIR] [LINK lib...])             the program NAME from the current folder
#   burin_test(FOLDER [MLIR] [LINK lib...])           tests/FOLDER/*.cpp: one program, a test a file; labels FOLDER and
#                                                     fast, or slow for files called *_slow.cpp
#   burin_lit_suite(FOLDER [DEPENDS target...])       tests/FOLDER/*.mlir and .test through lit, label FOLDER
#   burin_example(FILE)                               one file, one program, run as a test with label `examples`
#   burin_benchmark(FILE [LINK lib...])               one suite, bench_<file>
include(GNUInstallDirs)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
# $ORIGIN everywhere: libraries find each other, and libburin finds libburin_compiler.so, beside themselves.
set(CMAKE_BUILD_RPATH_USE_ORIGIN ON)
set(CMAKE_BUILD_RPATH "$ORIGIN/../lib")
set(CMAKE_INSTALL_RPATH "$ORIGIN;$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)  # where libMLIR and libLLVM are

# ccache shares objects between checkouts: paths below the source folder are hashed relative to it.
find_program(BURIN_CCACHE ccache)
if(BURIN_CCACHE AND PROJECT_IS_TOP_LEVEL AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(launcher "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}" CCACHE_NOHASHDIR=1
      CCACHE_INODECACHE=1 CCACHE_SLOPPINESS=pch_defines,time_macros "${BURIN_CCACHE}")
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

# Our own flags, on our own targets only (an interface target, so that a parent project is left alone).
add_library(burin_options INTERFACE)
target_include_directories(burin_options INTERFACE "${PROJECT_SOURCE_DIR}" "${CMAKE_BINARY_DIR}/generated")
target_compile_definitions(burin_options INTERFACE BURIN_VERSION="${PROJECT_VERSION}")
target_compile_options(burin_options INTERFACE
  -Wall -Wextra $<$<BOOL:${BURIN_WERROR}>:-Werror>
  # Members with defaults may be left out; GCC 12's -Wrestrict misfires on std::string (its PR 105651).
  -Wno-missing-field-initializers $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict>
  # The referee and the code around it must round as written.
  -ffp-contract=off
  # __FILE__ and std::source_location are the same whoever builds, with or without ccache.
  "-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=")
cmake_path(RELATIVE_PATH PROJECT_SOURCE_DIR BASE_DIRECTORY "${CMAKE_BINARY_DIR}" OUTPUT_VARIABLE burin_up)
target_compile_options(burin_options INTERFACE "-fmacro-prefix-map=${burin_up}/=")
if(BURIN_SANITIZE)
  target_compile_options(burin_options INTERFACE
    -fsanitize=${BURIN_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(burin_options INTERFACE -fsanitize=${BURIN_SANITIZE})
  target_compile_definitions(burin_options INTERFACE BURIN_SANITIZED)  # freed memory is kept, everything takes longer
endif()

# Sources of `folders` into `out`; with RECURSE also below them, except folders called `tests`.
function(burin_glob out recurse)
  set(result)
  foreach(folder IN LISTS ARGN)
    cmake_path(ABSOLUTE_PATH folder BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE)
    if(recurse)
      file(GLOB_RECURSE found CONFIGURE_DEPENDS "${folder}/*.cpp")
    else()
      file(GLOB found CONFIGURE_DEPENDS "${folder}/*.cpp")
    endif()
    list(APPEND result ${found})
  endforeach()
  set(${out} "${result}" PARENT_SCOPE)
endfunction()

# Generates <file>.pb.{h,cc} below the generated folder for each .proto in the folders.
function(burin_protobuf out)
  set(result)
  foreach(folder IN LISTS ARGN)
    cmake_path(ABSOLUTE_PATH folder BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE)
    file(GLOB protos CONFIGURE_DEPENDS "${folder}/*.proto")
    foreach(proto IN LISTS protos)
      cmake_path(RELATIVE_PATH proto BASE_DIRECTORY "${PROJECT_SOURCE_DIR}" OUTPUT_VARIABLE relative)
      cmake_path(REPLACE_EXTENSION relative LAST_ONLY ".pb" OUTPUT_VARIABLE stem)
      set(base "${CMAKE_BINARY_DIR}/generated/${stem}")
      add_custom_command(
        OUTPUT "${base}.cc" "${base}.h"
        COMMAND protobuf::protoc "--cpp_out=${CMAKE_BINARY_DIR}/generated" "-I${PROJECT_SOURCE_DIR}" "${proto}"
        DEPENDS "${proto}" protobuf::protoc
        COMMENT "Generating ${stem}.h"
        VERBATIM)
      set_source_files_properties("${base}.cc" PROPERTIES COMPILE_OPTIONS -w)
      list(APPEND result "${base}.cc" "${base}.h")
    endforeach()
  endforeach()
  set(${out} "${result}" PARENT_SCOPE)
endfunction()

function(burin_library name kind)
  cmake_parse_arguments(PARSE_ARGV 2 arg "RECURSE;EXCEPTIONS;HIDDEN;MLIR" "" "FOLDERS;LINK;PRIVATE_LINK;SOURCES")
  burin_glob(sources "${arg_RECURSE}" ${arg_FOLDERS})
  burin_protobuf(protos ${arg_FOLDERS})
  if(NOT sources AND NOT protos AND NOT arg_SOURCES)
    add_library(${name} INTERFACE)  # nothing there yet: configure goes on, whoever needs a symbol fails to link
    target_link_libraries(${name} INTERFACE ${arg_LINK})
    return()
  endif()
  add_library(${name} ${kind} ${sources} ${protos} ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC ${arg_LINK} PRIVATE ${arg_PRIVATE_LINK} $<BUILD_INTERFACE:burin_options>)
  if(arg_HIDDEN)
    set_target_properties(${name} PROPERTIES C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden)
  endif()
  if(arg_MLIR)
    target_link_libraries(${name} PRIVATE $<BUILD_INTERFACE:burin_mlir>)
  endif()
  if(NOT arg_EXCEPTIONS)
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>)
  endif()
  add_dependencies(${name} burin_generated)
  if(NOT kind STREQUAL "OBJECT")
    set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)  # some are made of objects only
  endif()
  if(kind STREQUAL "SHARED")
    set_target_properties(${name} PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
                          BUILD_RPATH "$ORIGIN")
    target_link_options(${name} PRIVATE -Wl,--no-undefined)
  endif()
endfunction()

# The objects of an OBJECT library, or nothing where its folders are empty.
function(burin_objects out library)
  set(${out} "" PARENT_SCOPE)
  if(TARGET ${library})
    get_target_property(kind ${library} TYPE)
    if(kind STREQUAL "OBJECT_LIBRARY")
      set(${out} $<TARGET_OBJECTS:${library}> PARENT_SCOPE)
    endif()
  endif()
endfunction()

option(BURIN_PRECOMPILE "Precompile the headers of MLIR and of the standard library (some 900 MB of build folder with GCC, a third of the build's time)" ON)
# Parses `headers` once for all files of the target, where that is asked for.
function(burin_precompile name)
  if(BURIN_PRECOMPILE)
    target_precompile_headers(${name} PRIVATE ${ARGN})
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fpch-preprocess>)  # for ccache
  endif()
endfunction()

# The standard library's, which are most of what a file of ours includes.
function(burin_precompile_standard name)
  burin_precompile(${name} <algorithm> <atomic> <charconv> <cmath> <condition_variable> <cstring> <functional> <map>
                   <memory> <mutex> <optional> <ranges> <set> <span> <sstream> <stdexcept> <string> <string_view>
                   <unordered_map> <unordered_set> <variant> <vector>)
endfunction()

# MLIR's headers cost about three quarters of the time of such a file.
function(burin_mlir_library name kind)
  burin_library(${name} ${kind} MLIR ${ARGN})
  if(kind STREQUAL "OBJECT")
    burin_precompile(${name}
      <mlir/Dialect/Arith/IR/Arith.h> <mlir/Dialect/Func/IR/FuncOps.h> <mlir/Dialect/LLVMIR/LLVMDialect.h>
      <mlir/Dialect/Linalg/IR/Linalg.h> <mlir/Dialect/SCF/IR/SCF.h> <mlir/IR/Builders.h> <mlir/Pass/Pass.h>)
  endif()
endfunction()

# Common to programs: our flags, MLIR's where asked. Programs may use exceptions unless they are MLIR code.
function(burin_executable name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "MLIR" "" "LINK;SOURCES")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE burin_options ${arg_LINK})
  if(arg_MLIR)
    target_link_libraries(${name} PRIVATE burin_mlir)
  endif()
  add_dependencies(${name} burin_generated)
endfunction()

function(burin_tool name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "MLIR" "" "LINK")
  burin_glob(sources FALSE "${CMAKE_CURRENT_SOURCE_DIR}")
  if(sources)
    burin_executable(${name} SOURCES ${sources} LINK ${arg_LINK} $<$<BOOL:${arg_MLIR}>:burin_mlir>)
    install(TARGETS ${name} RUNTIME COMPONENT tools)
  endif()
endfunction()

# What every test gets: its folder as label, `fast` or `slow`, a limit in seconds, no disk cache but one that it asks for.
# (One definition rule: a test that links the compiler's objects may also open the library that holds them.)
function(burin_test_labels test folder)
  set(speed fast)
  if(test MATCHES "_slow$")
    set(speed slow)
  endif()
  set_tests_properties("${test}" PROPERTIES LABELS "${folder};${speed}" TIMEOUT 600
    ENVIRONMENT "BURIN_CACHE_BYTES=0;ASAN_OPTIONS=detect_odr_violation=0")
endfunction()

function(burin_test folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "MLIR" "" "LINK")
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/${folder}/*.cpp")
  if(NOT sources)
    return()
  endif()
  set(name "test_${folder}")
  # MLIR tests keep exceptions on: Catch2 needs them, and a failed REQUIRE unwinds frames of the test only.
  burin_executable(${name} SOURCES ${sources} LINK burin_catch ${arg_LINK} $<$<BOOL:${arg_MLIR}>:burin_mlir>)
  target_compile_options(${name} PRIVATE -fexceptions)
  foreach(source IN LISTS sources)
    cmake_path(GET source STEM stem)
    # `-#` (filenames as tags) tags each case with its file: one ctest entry a file, whatever its cases are called. Hidden
    # cases have to be left out by name: a tag finds them too.
    add_test(NAME "${folder}/${stem}" COMMAND ${name} -w NoTests "-#" "[#${stem}]~[.]" WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    burin_test_labels("${folder}/${stem}" ${folder})
  endforeach()
endfunction()

function(burin_lit_suite folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPENDS")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS
       "${PROJECT_SOURCE_DIR}/tests/${folder}/*.mlir" "${PROJECT_SOURCE_DIR}/tests/${folder}/*.test")
  if(NOT sources)
    return()
  endif()
  set(BURIN_LIT_FOLDER "${folder}")
  configure_file("${PROJECT_SOURCE_DIR}/tests/support/lit.site.cfg.py.in"
                 "${CMAKE_BINARY_DIR}/tests/${folder}/lit.site.cfg.py" @ONLY)
  add_test(NAME "${folder}/lit" COMMAND "${BURIN_LIT}" -sv "${CMAKE_BINARY_DIR}/tests/${folder}")
  burin_test_labels("${folder}/lit" ${folder})
endfunction()

function(burin_example source)
  cmake_path(GET source STEM stem)
  burin_executable(example_${stem} SOURCES "${source}" LINK burin)
  add_test(NAME "examples/${stem}" COMMAND example_${stem} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  burin_test_labels("examples/${stem}" examples)
  set_tests_properties("examples/${stem}" PROPERTIES SKIP_RETURN_CODE 77)  # lacks its data, and says so
endfunction()

function(burin_benchmark source)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LINK")
  cmake_path(GET source STEM stem)
  burin_executable(bench_${stem} SOURCES "${source}" LINK burin_bench ${arg_LINK})
  set_target_properties(bench_${stem} PROPERTIES EXCLUDE_FROM_ALL TRUE)
  add_dependencies(burin_benchmarks bench_${stem})
endfunction()
