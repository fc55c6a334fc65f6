// Matching an expression as code paths, by the way in which it is done. The input is the expression
// and, behind the first line end, the text that it must match as a whole; an iteration is one match
// by an expression that is compiled, its result 1 when it matches.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "tool/code_path.h"

namespace zyphos {

// libstdc++'s std::regex: depth first, going back where it was wrong. It calls itself for each
// character, so that a text of some 100,000 ends the process.
std::unique_ptr<CodePath> regex_backtracking(Bytes input);
// The same library's other way: all states that the text may have led to, side by side.
std::unique_ptr<CodePath> regex_nfa(Bytes input);
// RE2: those sets of states as states of their own, made when they are first met.
std::unique_ptr<CodePath> regex_lazy_dfa(Bytes input);

}  // namespace zyphos
