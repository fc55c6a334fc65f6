// The options of zyphos-reference as words.
#pragma once

#include "reference/options.h"
#include "tool/listen_words.h"
#include "tool/words.h"

namespace zyphos {

struct ReferenceSetting {
  reference::Options options;  // all but what `listen` says
  ListenSetting listen;
  bool commands = false;      // takes them from stdin
  bool parent_death = false;  // end when the parent does
};

// The table refers to `setting`, which must outlive it.
Words reference_words(ReferenceSetting& setting);

}  // namespace zyphos
