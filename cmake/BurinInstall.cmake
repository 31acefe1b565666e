# Install rules and the package that find_package(burin) reads: burin::burin (the C++ API) and burin::rt (the C ABI).
include(GNUInstallDirs)
