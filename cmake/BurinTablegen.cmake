# One function from a .td file to all that is generated from it, in the build tree only.
#
#   burin_tablegen(NAME SOURCE file.td
#     MLIR  "-gen-op-decls -dialect=burin"  compiler/ops/BurinOps.h.inc
#     BURIN "-gen-op-kinds"                 runtime/ops/OpKinds.inc ...)
#
# Each row: tool (MLIR = mlir-tblgen, BURIN = our burin-tblgen), its flags, the output below ${BURIN_GENERATED_DIR}.
# That folder is an include root, so an output is included by the path written here. Makes the target NAME; every
# burin library waits for all of them through `burin_generated`. The .td's own includes are tracked by depfiles; an output
# that comes out the same keeps its time, so that one op's change does not rebuild everything.
set(BURIN_GENERATED_DIR "${CMAKE_BINARY_DIR}/generated")
file(MAKE_DIRECTORY "${BURIN_GENERATED_DIR}")
add_custom_target(burin_generated)

function(burin_tablegen name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "SOURCE" "")
  cmake_path(ABSOLUTE_PATH arg_SOURCE BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE)
  set(includes "-I${PROJECT_SOURCE_DIR}")
  foreach(dir IN LISTS BURIN_TABLEGEN_INCLUDES)
    list(APPEND includes "-I${dir}")
  endforeach()
  set(rows ${arg_UNPARSED_ARGUMENTS})
  set(outputs)
  while(rows)
    list(POP_FRONT rows tool flags relative)
    if(tool STREQUAL "MLIR")
      set(program "${BURIN_MLIR_TBLGEN}")
    elseif(tool STREQUAL "BURIN")
      set(program burin-tblgen)
    else()
      message(FATAL_ERROR "burin_tablegen(${name}): a row is `MLIR|BURIN \"flags\" output`, got tool `${tool}`")
    endif()
    separate_arguments(flags UNIX_COMMAND "${flags}")
    set(output "${BURIN_GENERATED_DIR}/${relative}")
    cmake_path(GET output PARENT_PATH folder)
    file(MAKE_DIRECTORY "${folder}")
    add_custom_command(
      OUTPUT "${output}"
      COMMAND ${program} --write-if-changed ${flags} ${includes} "${arg_SOURCE}" -d "${output}.d" -o "${output}"
      MAIN_DEPENDENCY "${arg_SOURCE}"
      DEPENDS ${program}
      DEPFILE "${output}.d"
      COMMENT "Generating ${relative}"
      VERBATIM)
    list(APPEND outputs "${output}")
  endwhile()
  add_custom_target(${name} DEPENDS ${outputs})
  add_dependencies(burin_generated ${name})
endfunction()
