# SPDX-License-Identifier: Apache-2.0

# mj_onnx_schema: the messages of mj/io/schema/onnx.proto as C++, seen only by mj/io. Own schema rather than libonnx-dev,
# whose messages need the full protobuf runtime and whose package clashes with the one inside libtorch.
find_package(Protobuf REQUIRED)

set(MJ_SCHEMA_DIR ${CMAKE_BINARY_DIR}/schema)
file(MAKE_DIRECTORY ${MJ_SCHEMA_DIR})
add_custom_command(
  OUTPUT ${MJ_SCHEMA_DIR}/onnx.pb.cc ${MJ_SCHEMA_DIR}/onnx.pb.h
  COMMAND protobuf::protoc --proto_path=${PROJECT_SOURCE_DIR}/mj/io/schema --cpp_out=${MJ_SCHEMA_DIR}
          ${PROJECT_SOURCE_DIR}/mj/io/schema/onnx.proto
  DEPENDS ${PROJECT_SOURCE_DIR}/mj/io/schema/onnx.proto
  COMMENT "Compiling the ONNX schema"
  VERBATIM)
add_library(mj_onnx_schema STATIC ${MJ_SCHEMA_DIR}/onnx.pb.cc ${MJ_SCHEMA_DIR}/onnx.pb.h)
target_include_directories(mj_onnx_schema SYSTEM PUBLIC ${MJ_SCHEMA_DIR})
target_link_libraries(mj_onnx_schema PUBLIC protobuf::libprotobuf-lite)
