# Everything that is particular to LLVM/MLIR 22 as Debian packages it; no other file names an LLVM path or quirk.
#
#   burin::mlir     interface target: shared libMLIR and libLLVM, their headers as SYSTEM
#   burin::tblgen   interface target: what a TableGen backend links (the only static MLIR libraries that we use)
#   BURIN_MLIR_TBLGEN, BURIN_FILECHECK, BURIN_LIT   tools
#
# Link only these two: Debian also ships some 400 static libMLIR*.a, and mixing one in registers everything twice.
# LLVM is built without exceptions and with RTTI; a `throw` must not cross it, so our MLIR code is -fno-exceptions too.
set(BURIN_LLVM_VERSION 22)
find_package(MLIR REQUIRED CONFIG HINTS "/usr/lib/llvm-${BURIN_LLVM_VERSION}/lib/cmake/mlir")
if(NOT LLVM_VERSION_MAJOR EQUAL BURIN_LLVM_VERSION)
  message(FATAL_ERROR "burin needs LLVM ${BURIN_LLVM_VERSION}, found ${LLVM_PACKAGE_VERSION} in ${LLVM_DIR}")
endif()

# LLVMConfig points LLVM_EXTERNAL_LIT's default at bin/llvm-lit, which Debian does not ship; llvm-22-tools has bin/lit.
set(BURIN_LIT "${LLVM_TOOLS_BINARY_DIR}/lit")
set(LLVM_EXTERNAL_LIT "${BURIN_LIT}" CACHE FILEPATH "lit as packaged" FORCE)
set(BURIN_FILECHECK "${LLVM_TOOLS_BINARY_DIR}/FileCheck")
set(BURIN_MLIR_TBLGEN "${LLVM_TOOLS_BINARY_DIR}/mlir-tblgen")
separate_arguments(burin_llvm_definitions UNIX_COMMAND "${LLVM_DEFINITIONS}")  # one string of several -D
set(BURIN_TABLEGEN_INCLUDES ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})

add_library(burin_mlir INTERFACE)
add_library(burin::mlir ALIAS burin_mlir)
target_include_directories(burin_mlir SYSTEM INTERFACE ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
target_compile_definitions(burin_mlir INTERFACE ${burin_llvm_definitions})
# The two shared libraries by file: the imported targets drag in the include paths as non-system ones.
target_link_libraries(burin_mlir INTERFACE "$<TARGET_FILE:MLIR>" "$<TARGET_FILE:LLVM>")
# GCC 12 sees dangling and uninitialised values in LLVM's inlined containers at -O1 and above; none is real.
target_compile_options(burin_mlir INTERFACE
  -fno-exceptions -Wno-maybe-uninitialized -Wno-dangling-pointer -Wno-array-bounds -Wno-stringop-overflow
  -Wno-unused-parameter)
if(BURIN_SANITIZE)
  # Debian's libraries are built without sanitizers. LLVM's headers would look different from within ours: allocators would
  # poison memory that libMLIR then uses, and leave room that it does not expect. Our code stays instrumented; what the
  # libraries do with memory is seen at malloc, free and the functions that sanitizers intercept.
  target_compile_options(burin_mlir INTERFACE -U__SANITIZE_ADDRESS__ -U__SANITIZE_THREAD__)
endif()

add_library(burin_tblgen_libs INTERFACE)
add_library(burin::tblgen ALIAS burin_tblgen_libs)
target_link_libraries(burin_tblgen_libs INTERFACE
  "${LLVM_LIBRARY_DIR}/libMLIRTblgenLib.a" "${LLVM_LIBRARY_DIR}/libMLIRTableGen.a"
  "${LLVM_LIBRARY_DIR}/libLLVMTableGen.a" "${LLVM_LIBRARY_DIR}/libLLVMTableGenBasic.a" "$<TARGET_FILE:LLVM>")
target_include_directories(burin_tblgen_libs SYSTEM INTERFACE ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
target_compile_definitions(burin_tblgen_libs INTERFACE ${burin_llvm_definitions})
target_compile_options(burin_tblgen_libs INTERFACE -fno-exceptions -Wno-unused-parameter -Wno-maybe-uninitialized)
