# SPDX-License-Identifier: Apache-2.0

# mj_tflite_schema: the tables of mj/io/schema/tflite.fbs as C++ (headers only), seen only by mj/io and its tests.
find_program(MJ_FLATC flatc REQUIRED)
find_path(MJ_FLATBUFFERS_INCLUDE flatbuffers/flatbuffers.h REQUIRED)

set(MJ_TFLITE_SCHEMA_DIR ${CMAKE_BINARY_DIR}/schema)
file(MAKE_DIRECTORY ${MJ_TFLITE_SCHEMA_DIR})
add_custom_command(
  OUTPUT ${MJ_TFLITE_SCHEMA_DIR}/tflite_generated.h
  COMMAND ${MJ_FLATC} --cpp --scoped-enums --gen-object-api -o ${MJ_TFLITE_SCHEMA_DIR}
          ${PROJECT_SOURCE_DIR}/mj/io/schema/tflite.fbs
  DEPENDS ${PROJECT_SOURCE_DIR}/mj/io/schema/tflite.fbs
  COMMENT "Compiling the TFLite schema"
  VERBATIM)
add_custom_target(mj_tflite_schema_header DEPENDS ${MJ_TFLITE_SCHEMA_DIR}/tflite_generated.h)
add_library(mj_tflite_schema INTERFACE)
add_dependencies(mj_tflite_schema mj_tflite_schema_header)
target_include_directories(mj_tflite_schema SYSTEM INTERFACE ${MJ_TFLITE_SCHEMA_DIR} ${MJ_FLATBUFFERS_INCLUDE})
