# SPDX-License-Identifier: Apache-2.0

# mj_torch: libtorch as one target, its headers as system headers. Debian's libtorch-dev (1.13, CPU) or any libtorch 2.x
# unpacked somewhere and named by -DCMAKE_PREFIX_PATH; with CUDA when that libtorch has it.
set(mj_flags_before "${CMAKE_CXX_FLAGS}")
find_package(Torch QUIET)
# TorchConfig appends warnings and options for its own code to the global flags.
set(CMAKE_CXX_FLAGS "${mj_flags_before}")
if(NOT Torch_FOUND)
  message(FATAL_ERROR "libtorch was not found: install libtorch-dev, point CMAKE_PREFIX_PATH at an unpacked libtorch, "
                      "or configure with -DMJ_LEARN=OFF to build everything but training")
endif()
add_library(mj_torch INTERFACE)
target_link_libraries(mj_torch INTERFACE ${TORCH_LIBRARIES})
target_include_directories(mj_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
string(REGEX MATCH "-D_GLIBCXX_USE_CXX11_ABI=[01]" mj_torch_abi "${TORCH_CXX_FLAGS}")
if(mj_torch_abi)
  # Only the new ABI can be linked with the rest of the program.
  if(mj_torch_abi MATCHES "=0")
    message(FATAL_ERROR "this libtorch was built with the old C++ ABI; take the archive named cxx11-abi")
  endif()
  target_compile_options(mj_torch INTERFACE ${mj_torch_abi})
endif()
