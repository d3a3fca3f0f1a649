# SPDX-License-Identifier: Apache-2.0

# Warnings and the include root, for every target of the project.
add_library(mj_options INTERFACE)
target_include_directories(mj_options INTERFACE ${PROJECT_SOURCE_DIR})
# -Wrestrict of g++ 12 warns falsely about std::string::insert and operator+ (GCC bug 105651).
target_compile_options(mj_options INTERFACE -Wall -Wextra -Wno-missing-field-initializers $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)

# mj_layer(NAME LINK public... PRIVATE private... EXCLUDE files... APART files...): mj/NAME/**.cc as the static library mj_NAME.
# Files APART are compiled alone: what is local to them has names that others have, too.
function(mj_layer name)
  cmake_parse_arguments(ARG "" "" "LINK;PRIVATE;EXCLUDE;APART" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/mj/${name}/*.cc)
  foreach(excluded IN LISTS ARG_EXCLUDE)
    list(REMOVE_ITEM sources ${PROJECT_SOURCE_DIR}/mj/${name}/${excluded})
  endforeach()
  if(NOT sources)  # a layer of headers alone
    add_library(mj_${name} INTERFACE)
    target_link_libraries(mj_${name} INTERFACE ${ARG_LINK})
    return()
  endif()
  add_library(mj_${name} STATIC ${sources})
  target_link_libraries(mj_${name} PUBLIC ${ARG_LINK} PRIVATE ${ARG_PRIVATE} mj_options)
  target_include_directories(mj_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  mj_unity(mj_${name})
  foreach(apart IN LISTS ARG_APART)
    set_source_files_properties(${PROJECT_SOURCE_DIR}/mj/${name}/${apart} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endforeach()
endfunction()

# mj_embed_runtime(TARGET): the C of runtime/ as data inside the target, so that the program works wherever it is moved.
function(mj_embed_runtime target)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/runtime/*.h ${PROJECT_SOURCE_DIR}/runtime/*.c
                                           ${PROJECT_SOURCE_DIR}/runtime/*.S ${PROJECT_SOURCE_DIR}/runtime/*.ld)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/runtime_texts.cc)
  set(script ${PROJECT_SOURCE_DIR}/cmake/embed_texts.cmake)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DFOLDER=${PROJECT_SOURCE_DIR}/runtime -P ${script}
    DEPENDS ${files} ${script}
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()

# mj_unity(TARGET): its files compiled eight at a time, for most of the work is reading what they all include. Where a build begins
# from nothing: ./run and ./check. The presets for working on it compile one by one, so that a missing include is found.
function(mj_unity target)
  if(MJ_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  endif()
endfunction()
