// What strictness=lenient takes that strict refuses: a head whose defect is one that common servers
// put up with is written anew as a strict parser has it, and read by that. What it puts up with
// stands in rule.cpp; nothing of it lets two readers that take the head find different framing: a
// mixture of line ends, a fold that could be a field, or one of a field of the framing is refused.
//
// A head that strict takes never comes here: leniency costs only where it is used.
#pragma once

#include <cstddef>
#include <string>

#include "base/bytes.h"
#include "protocol/http1/read.h"

namespace zyphos::http1 {

struct Relaxed {
  ReadState state = ReadState::bad;  // partial: the head's end has not come
  std::string text;                  // done: the head anew, with kReadPadding bytes behind it
  std::size_t text_bytes = 0;        // of them, the head's
  std::size_t size = 0;              // bytes of `in` that it stands for
};

// `in` begins with a head that was refused. O(size).
Relaxed relax(ConstBytes in, const ReadLimits& limits);

}  // namespace zyphos::http1
