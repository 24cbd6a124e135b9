/* Formatting: the operator % and the method format(), as Python has them. What a field prints is marked as its value is;
 * the rest of the format keeps its own marks. */
#include "chat/template/text.h"

int format_percent(struct template_run *r, const struct text *format, const struct value *values,
                   struct value *out)
{
    (void)format; (void)values; (void)out;
    return fault(r, ERR_UNSUPPORTED, "formatting is refused here");
}
int format_braces(struct template_run *r, const struct text *format, const struct args *args, struct value *out)
{
    (void)format; (void)args; (void)out;
    return fault(r, ERR_UNSUPPORTED, "formatting is refused here");
}
