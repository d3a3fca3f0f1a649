// SPDX-License-Identifier: Apache-2.0

// main.c and Makefile: the firmware as a program of the host that maps a stream of inputs to a stream of outputs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "mj/emit/firmware.h"

namespace mj {
namespace {

/// What the two ways of execution do differently around an inference.
struct Calls {
  std::string memory;  ///< what the program keeps, and what the board's port needs
  std::string start;
  std::string infer;
  std::string next;
};

Calls continuous_calls(const std::string& name) {
  return {fmt::format("static {0}_state state;\n", name), fmt::format("  {0}_init(&state);\n", name),
          fmt::format(R"(    if (pixels) {{
      {0}_set_input_u8(&state, record);
    }} else {{
      memcpy({0}_input(&state), record, sizeof record);
    }}
    {0}_infer(&state);
)", name), ""};
}

Calls intermittent_calls(const std::string& name) {
  return {fmt::format(R"(static {0}_nonvolatile kept;
static {0}_state state;

#if MJ_NV_SLOTS == 1
#elif MJ_NV_WORD == 1
void mj_board_write_byte(uint8_t* to, uint8_t value) {{ *to = value; }}
#else
void mj_board_write_word(void* to, const uint8_t* from) {{ memcpy(to, from, MJ_NV_WORD); }}
#endif
)", name), fmt::format("  (void){0}_recover(&state, &kept);\n", name),
          fmt::format(R"(    if (!(pixels ? {0}_set_input_u8(&state, record) : {0}_set_input(&state, (const int8_t*)record)) || !{0}_infer(&state)) {{
      fprintf(stderr, "%s: the inference did not end\n", argv[0]);
      return 1;
    }}
)", name), fmt::format("    (void){0}_next(&state);\n", name)};
}

}  // namespace

std::string print_driver(const Program& program) {
  const Calls calls = is_intermittent(program) ? intermittent_calls(program.name) : continuous_calls(program.name);
  std::string writes;
  for (std::size_t k = 0; k < program.graph.outputs.size(); ++k) {
    writes += fmt::format("    wrote = wrote && fwrite({0}_output(&state, {2}), 1, {1}_OUTPUT{2}_BYTES, stdout) == "
                          "{1}_OUTPUT{2}_BYTES;\n",
                          program.name, program.macro, k);
  }
  return fmt::format(R"(/* SPDX-License-Identifier: MIT-0 */
/*
 * Runs the network on the host: inputs of {1}_INPUT_BYTES each on standard input, one after the other; all outputs of
 * each on standard output. Inputs are int8 as the network takes them, or with -u pixels 0..255.
 */
#include <stdio.h>
#include <string.h>

#include "{0}.h"

{3}
int main(int argc, char** argv) {{
  static uint8_t record[{1}_INPUT_BYTES];
  const int pixels = argc == 2 && strcmp(argv[1], "-u") == 0;
  if (argc > 2 || (argc == 2 && !pixels)) {{
    fprintf(stderr, "usage: %s [-u] < INPUTS > OUTPUTS\n", argv[0]);
    return 2;
  }}
{4}  for (;;) {{
    const size_t n = fread(record, 1, sizeof record, stdin);
    int wrote = 1;
    if (n == 0 && feof(stdin)) {{
      break;
    }}
    if (n != sizeof record) {{
      fprintf(stderr, "%s: the input ends within a record of %lu bytes\n", argv[0], (unsigned long)sizeof record);
      return 1;
    }}
{5}{2}    if (!wrote) {{
      fprintf(stderr, "%s: cannot write the outputs\n", argv[0]);
      return 1;
    }}
{6}  }}
  return fflush(stdout) == 0 ? 0 : 1;
}}
)",
                     program.name, program.macro, writes, calls.memory, calls.start, calls.infer, calls.next);
}

std::string print_makefile(const Program& program) {
  std::vector<std::string> sources{program.name + ".c"};
  std::vector<std::string> headers{program.name + ".h"};
  for (const std::string& file : program.runtime) {
    (file.ends_with(".c") ? sources : headers).push_back(file);
  }
  return fmt::format(R"(# SPDX-License-Identifier: MIT-0
# make: the network as a program of the host, {0}_run. make objects CC=... CFLAGS=...: object files for a target.
CC = cc
CFLAGS = -O3
WARNINGS = -std=c99 -pedantic -Wall -Wextra -Wconversion -Werror
SOURCES = {1}
HEADERS = {2}

{0}_run: main.o $(SOURCES:.c=.o)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

objects: $(SOURCES:.c=.o)

%.o: %.c $(HEADERS)
	$(CC) $(WARNINGS) $(CFLAGS) -c -o $@ $<

clean:
	rm -f {0}_run main.o $(SOURCES:.c=.o)

.PHONY: objects clean
)",
                     program.name, fmt::join(sources, " "), fmt::join(headers, " "));
}

}  // namespace mj
