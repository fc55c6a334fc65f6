// A reader of request heads that re2c makes of regular expressions, for parsers_bench alone: where
// machine-made code stands beside what is written by hand. It validates the characters of method,
// target, names and values and the line ends; no target's form, no field's meaning, no limits.
// Thread safety: none is needed, it keeps nothing. Nothing is allocated.
#include "protocol/http1/re2c_reader.h"

namespace zyphos::http1 {

// The input ends with a byte that no expression takes: the padding's NUL.
std::size_t read_by_re2c(std::string_view text, Re2cHead& head) {
  const char* at = text.data();
  const char* marker = at;
  const char *method_end, *target, *target_end, *name_end, *value, *value_end;
  /*!stags:re2c format = "const char* @@ = nullptr;\n"; */
  /*!re2c
    re2c:define:YYCTYPE = "unsigned char";
    re2c:define:YYCURSOR = at;
    re2c:define:YYMARKER = marker;
    re2c:yyfill:enable = 0;
    re2c:flags:tags = 1;

    tchar = [-!#$%&'*+.^_`|~0-9A-Za-z];
    target_char = [-._~!$&'()*+,;=:/?@%0-9A-Za-z] | "[" | "]";
    text = [\t\x20-\x7e\x80-\xff];

    tchar+ @method_end " " @target target_char+ @target_end " HTTP/1." [0-9] "\r\n" {
      head.method = {text.data(), method_end};
      head.target = {target, target_end};
      goto fields;
    }
    * { return 0; }
  */
fields:
  const char* const line = at;
  /*!re2c
    tchar+ @name_end ":" [ \t]* @value text* @value_end "\r\n" {
      if (!head.fields.add({line, name_end}, {value, value_end})) return 0;
      goto fields;
    }
    "\r\n" { return static_cast<std::size_t>(at - text.data()); }
    * { return 0; }
  */
}

}  // namespace zyphos::http1
