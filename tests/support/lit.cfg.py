# lit's configuration for every suite of text tests: .mlir and .test files, tools from the build and from LLVM.
import os

import lit.formats

config.name = "burin/" + config.burin_folder
config.test_format = lit.formats.ShTest(True)
config.suffixes = [".mlir", ".test"]
config.test_source_root = os.path.join(config.burin_source, "tests", config.burin_folder)
config.test_exec_root = os.path.join(config.burin_build, "tests", config.burin_folder)
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.burin_build, "bin"), config.llvm_tools, config.environment["PATH"]])
# A test must not see the user's caches or switches: only what it sets itself.
config.environment["BURIN_CACHE_BYTES"] = "0"
config.substitutions.append(("%data", os.path.join(config.burin_source, "tests", "support", "data")))
