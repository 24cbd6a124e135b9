/* Where the line editor gets its characters from: it survives what happens to a terminal meanwhile. */
#ifndef CLI_LINE_INPUT_H
#define CLI_LINE_INPUT_H

#include <histedit.h>

/* Reads for el from stdin and watches the window's size, and whether the program was stopped and goes on: then the line is
 * drawn anew. prompt_cells: how wide the prompt is that is shown (it is asked for when needed). */
void line_input_set(EditLine *el, int (*prompt_cells)(EditLine *el));

#endif
