# SPDX-License-Identifier: Apache-2.0

# Run as a script (cmake -DOUTPUT=... -DFOLDER=... -P): the files of FOLDER as a C++ table of names and texts, sorted by
# name, so that the program carries them wherever it is moved.
file(GLOB_RECURSE files RELATIVE ${FOLDER} ${FOLDER}/*.h ${FOLDER}/*.c ${FOLDER}/*.S ${FOLDER}/*.ld)
list(SORT files)
set(entries "")
foreach(file IN LISTS files)
  file(READ ${FOLDER}/${file} text)
  string(APPEND entries "    {\"${file}\", R\"~~~(${text})~~~\"},\n")
endforeach()
file(WRITE ${OUTPUT} "// Generated from runtime/; do not edit.
#include \"mj/emit/runtime_files.h\"

namespace mj {

const std::map<std::string, std::string>& runtime_files() {
  static const std::map<std::string, std::string> files{
${entries}  };
  return files;
}

}  // namespace mj
")
